package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

// demoTenants is how many tenants the demo provisions. One more signs up.
const demoTenants = 24

// demoTimeout bounds the whole story: it takes seconds, and whoever looks on should not wait for what hangs.
const demoTimeout = 5 * time.Minute

// demo tells what the product does, from the first tenant to a question to all of them. Everything in it is done, by what does it for any fleet. The first
// step that does not end as it should ends it all.
func (d *devFleet) demo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	for i, step := range []struct {
		title string
		show  func(context.Context) error
	}{
		{"Each tenant gets a database of its own", d.showFleet},
		{"A release rolls over the fleet, in waves", d.showRollout},
		{"A customer's form gets a field, which is a real column", d.showField},
		{"Each tenant is backed up, and a backup is proven by restoring it", d.showBackups},
		{"One question is asked of all", d.showAnswer},
	} {
		d.app.printf("\n%d. %s\n", i+1, step.title)
		if err := step.show(ctx); err != nil {
			return fmt.Errorf("demo, %s: %w", strings.ToLower(step.title[:1])+step.title[1:], err)
		}
	}
	return nil
}

// errInterrupted is the end of a demo that somebody stops. What it has made goes as at every end.
var errInterrupted = errors.New("interrupted: the demo is stopped and removed")

// fleet is how many tenants there are once the customer has signed up.
func (d *devFleet) fleet() int { return d.opts.tenants + 1 }

// showFleet provisions a fleet, then shows the main job: an API asks for a tenant in its own transaction, and it is there at the commit.
func (d *devFleet) showFleet(ctx context.Context) error {
	ids, open, err := d.askForTenants(ctx)
	if err != nil {
		return err
	}
	if _, err := d.watch(ctx, "provision", open); err != nil {
		return err
	}
	if _, err := d.fillAll(ctx, ids); err != nil {
		return err
	}
	warm, err := d.awaitWarm(ctx)
	if err != nil {
		return err
	}
	d.say("they have sample rows now; in the warm pool, ready for who comes next: %s", counted(warm, "more database"))
	return d.showSignup(ctx)
}

// showSignup makes a tenant in one transaction, and has it suspended, resumed and given new passwords.
func (d *devFleet) showSignup(ctx context.Context) error {
	client, err := d.app.jobs(ctx)
	if err != nil {
		return err
	}
	pool, err := d.app.control(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	var made jobs.Created
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		made, err = client.CreateTenantTx(ctx, tx, jobs.Provision{Slug: "newcomer", Name: "A new customer"}, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("create a tenant in a transaction: %w", err)
	}
	after := time.Since(begun)
	if made.State != string(tenants.StateActive) {
		return fmt.Errorf("the new customer's tenant is %s at the commit, not active", made.State)
	}
	d.say("a customer signs up: one transaction of the API, %.1f ms, and the tenant is active in database %s", after.Seconds()*1000, made.Database)
	if _, err := d.fill(ctx, made.TenantID, d.opts.tenants); err != nil {
		return fmt.Errorf("fill the new tenant: %w", err)
	}
	var did []string
	for _, verb := range []struct {
		done string
		args jobs.Args
	}{
		{"suspended", jobs.Suspend{Tenant: made.TenantID}},
		{"resumed", jobs.Resume{Tenant: made.TenantID}},
		{"given new passwords", jobs.Rotate{Tenant: made.TenantID}},
	} {
		op, err := do(ctx, client, verb.args)
		if err != nil {
			return err
		}
		did = append(did, fmt.Sprintf("%s in %s", verb.done, took(op)))
	}
	d.say("it is %s", strings.Join(did, ", "))
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

// awaitWarm waits until the warm pool is full, and says how many databases are in it.
func (d *devFleet) awaitWarm(ctx context.Context) (int, error) {
	reg, err := d.app.registry(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		uses, err := reg.NodeUses(ctx)
		if err != nil {
			return 0, err
		}
		for _, use := range uses {
			if use.Warm >= d.opts.warm {
				return use.Warm, nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for the warm pool: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
