package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

// demo shows the main job: an API asks for tenants, workers make them real, a person watches.
func (d *devFleet) demo(ctx context.Context) error {
	client, err := d.app.jobs(ctx)
	if err != nil {
		return err
	}
	d.say("the warm pool fills: databases with roles, isolation and schema that wait for their tenant")
	if err := d.awaitWarm(ctx); err != nil {
		return err
	}
	pool, err := d.app.control(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	var made jobs.Created
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		made, err = client.CreateTenantTx(ctx, tx, jobs.Provision{Slug: "signup-" + suffix(), Name: "A new customer"}, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("create a tenant in a transaction: %w", err)
	}
	d.say("a customer signs up: one transaction of the API, %.1f ms, and the tenant is %s in database %s", time.Since(begun).Seconds()*1000, made.State, made.Database)
	for _, verb := range []jobs.Args{jobs.Suspend{Tenant: made.TenantID}, jobs.Resume{Tenant: made.TenantID}, jobs.Rotate{Tenant: made.TenantID}} {
		op, err := do(ctx, client, verb)
		if err != nil {
			return err
		}
		d.say("%s: done in %s", verb.Kind(), took(op))
	}
	if err := d.showBackup(ctx, client); err != nil {
		return err
	}
	if err := d.showFleet(ctx); err != nil {
		return err
	}
	d.say("all of it ran; next: make dev (stays up), README.md")
	return nil
}

// do asks for an operation and waits until it has succeeded.
func do(ctx context.Context, client *jobs.Client, args jobs.Args) (jobs.Operation, error) {
	id, err := client.Submit(ctx, args, nil)
	if err != nil {
		return jobs.Operation{}, fmt.Errorf("submit %s: %w", args.Kind(), err)
	}
	op, err := client.Wait(ctx, id)
	if err != nil {
		return op, fmt.Errorf("%s: %w", args.Kind(), err)
	}
	if op.State != jobs.StateSucceeded {
		return op, fmt.Errorf("%s ended %s: %s", args.Kind(), op.State, deref(op.Error).Message)
	}
	return op, nil
}

// showBackup backs a tenant up, proves that it restores, and restores it beside.
func (d *devFleet) showBackup(ctx context.Context, client *jobs.Client) error {
	const tenant = "acme"
	op, err := do(ctx, client, jobs.Backup{Tenant: tenant})
	if err != nil {
		return err
	}
	var made struct {
		Backup      string
		Bytes, Rows int64
		Tables      int
	}
	if err := json.Unmarshal(op.Result, &made); err != nil {
		return fmt.Errorf("read result: %w", err)
	}
	d.say("backup of %s: %d rows of %d tables, encrypted, %s in %s", tenant, made.Rows, made.Tables, size(made.Bytes), took(op))
	if op, err = do(ctx, client, jobs.VerifyBackup{Backup: made.Backup}); err != nil {
		return err
	}
	d.say("verified: restored beside, every row compared with what was dumped, dropped again in %s", took(op))
	again := tenant + "-" + suffix()
	if op, err = do(ctx, client, jobs.Restore{Backup: made.Backup, To: again}); err != nil {
		return err
	}
	d.say("restored as the new tenant %s in %s", again, took(op))
	return nil
}

func (d *devFleet) awaitWarm(ctx context.Context) error {
	reg, err := d.app.registry(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		uses, err := reg.NodeUses(ctx)
		if err != nil {
			return err
		}
		for _, use := range uses {
			if use.Warm >= d.opts.warm {
				d.say("%d databases are warm", use.Warm)
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the warm pool: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (d *devFleet) showFleet(ctx context.Context) error {
	reg, err := d.app.registry(ctx)
	if err != nil {
		return err
	}
	list, err := reg.Tenants(ctx, tenants.TenantFilter{States: []tenants.State{tenants.StateActive}})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, t := range list {
		lease, err := d.runtime.Cache().Acquire(ctx, t.ID)
		if err != nil {
			return fmt.Errorf("lease pool of %s: %w", t.Slug, err)
		}
		var customers, invoices int
		var total string
		err = lease.Pool().QueryRow(ctx, `SELECT (SELECT count(*) FROM customers), count(*), coalesce(sum(total), 0)::text FROM invoices`).Scan(&customers, &invoices, &total)
		lease.Release()
		if err != nil {
			return fmt.Errorf("count rows of %s: %w", t.Slug, err)
		}
		rows = append(rows, []string{t.Slug, string(t.State), t.Database, t.Release, fmt.Sprint(customers), fmt.Sprint(invoices), total})
	}
	d.app.println()
	table(d.app.out, []string{"TENANT", "STATE", "DATABASE", "RELEASE", "CUSTOMERS", "INVOICES", "TOTAL"}, rows)
	d.app.println()
	return nil
}

func suffix() string {
	raw := make([]byte, 3)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
