package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

// showBackups backs every tenant up, and proves one of the backups.
func (d *devFleet) showBackups(ctx context.Context) error {
	reg, err := d.app.registry(ctx)
	if err != nil {
		return err
	}
	list, err := reg.Tenants(ctx, tenants.TenantFilter{States: []tenants.State{tenants.StateActive}})
	if err != nil {
		return err
	}
	if len(list) != d.fleet() {
		return fmt.Errorf("%d tenants are active, not %d", len(list), d.fleet())
	}
	client, err := d.app.jobs(ctx)
	if err != nil {
		return err
	}
	all := make([]jobs.Args, len(list))
	for i, t := range list {
		all[i] = jobs.Backup{Tenant: t.ID}
	}
	begun := time.Now()
	ids, err := client.SubmitMany(ctx, all, nil)
	if err != nil {
		return err
	}
	ops, err := d.watch(ctx, "back up", ids)
	if err != nil {
		return err
	}
	var sum backupResult
	var one jobs.VerifyBackup
	for i, op := range ops {
		var made backupResult
		if err := json.Unmarshal(op.Result, &made); err != nil {
			return fmt.Errorf("read result of %s: %w", op.ID, err)
		}
		sum.Bytes, sum.Rows = sum.Bytes+made.Bytes, sum.Rows+made.Rows
		if list[i].Slug == demoCanary {
			one.Backup = made.Backup
		}
	}
	d.say("all %d tenants are backed up in %s: %d rows, %s, each encrypted to a key of its own", len(ops), time.Since(begun).Round(10*time.Millisecond), sum.Rows, size(sum.Bytes))
	id, err := client.Submit(ctx, one, nil)
	if err != nil {
		return err
	}
	if ops, err = d.watch(ctx, "verify", []string{id}); err != nil {
		return err
	}
	d.say("the one of %s is proven in %s: restored beside, every row compared with what was dumped, and dropped again", demoCanary, took(ops[0]))
	return nil
}

// backupResult is what the demo reads of a backup's result.
type backupResult struct {
	Backup      string
	Bytes, Rows int64
}
