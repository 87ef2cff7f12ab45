package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

// sampleTenants name the first tenants; later ones are numbered.
var sampleTenants = []struct{ slug, name string }{
	{"acme", "Acme Ltd"}, {"globex", "Globex GmbH"}, {"initech", "Initech Inc."}, {"umbrella", "Umbrella SA"}, {"hooli", "Hooli"},
}

func sampleTenant(i int) (slug, name string) {
	if i < len(sampleTenants) {
		return sampleTenants[i].slug, sampleTenants[i].name
	}
	return fmt.Sprintf("tenant-%03d", i+1), fmt.Sprintf("Tenant %d", i+1)
}

// makeTenants makes what is missing of the tenants, and fills those that are empty. One that cannot be made is told, and does not stop the others:
// whoever mends it needs the fleet to be up.
func (d *devFleet) makeTenants(ctx context.Context) error {
	ids, open, err := d.askForTenants(ctx)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		if _, err := d.watch(ctx, "provision", open); err != nil {
			if _, failed := errors.AsType[*failedError](err); !failed {
				return err
			}
			d.say("%v", err)
		}
	}
	filled, err := d.fillAll(ctx, ids)
	if err != nil {
		return err
	}
	d.say("%d tenants are there (%d filled with sample rows now)", len(ids), filled)
	return nil
}

// askForTenants asks for the tenants and gives the ids of all, and the operations of those that are not made yet.
func (d *devFleet) askForTenants(ctx context.Context) (ids, open []string, err error) {
	client, err := d.app.jobs(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range d.opts.tenants {
		slug, name := sampleTenant(i)
		made, err := client.CreateTenant(ctx, jobs.Provision{Slug: slug, Name: name, Labels: map[string]string{"plan": []string{"free", "pro", "enterprise"}[i%3]}},
			&jobs.Options{IdempotencyKey: "dev/" + slug, RequestedBy: "tenantry dev"})
		if errors.Is(err, jobs.ErrConflict) {
			continue // its first tenant of that name was deleted and made anew by hand
		}
		if err != nil {
			return nil, nil, fmt.Errorf("create tenant %s: %w", slug, err)
		}
		ids = append(ids, made.TenantID)
		if made.State != string(tenants.StateActive) {
			open = append(open, made.OperationID)
		}
	}
	return ids, open, nil
}

// fillAll fills those tenants that are active and empty, and says how many they were.
func (d *devFleet) fillAll(ctx context.Context, ids []string) (filled int, err error) {
	reg, err := d.app.registry(ctx)
	if err != nil {
		return 0, err
	}
	for i, id := range ids {
		tenant, err := reg.Tenant(ctx, id)
		if err != nil {
			return filled, err
		}
		if tenant.State != tenants.StateActive {
			continue // suspended or deleted since, by whoever tries things out
		}
		customers, err := d.fill(ctx, id, i)
		if err != nil {
			return filled, fmt.Errorf("fill tenant %s: %w", tenant.Slug, err)
		}
		filled += min(customers, 1)
	}
	return filled, nil
}

// fill writes sample rows through the worker's own pool cache, as an API would, and says how many customers it has made. A tenant that has customers
// is left alone.
func (d *devFleet) fill(ctx context.Context, tenantID string, seed int) (customers int, err error) {
	lease, err := d.runtime.Cache().Acquire(ctx, tenantID)
	if err != nil {
		return 0, fmt.Errorf("lease pool: %w", err)
	}
	defer lease.Release()
	var today int
	var day string
	if err := lease.Pool().QueryRow(ctx, sampleRows, seed).Scan(&customers, &today, &day); err != nil {
		return 0, fmt.Errorf("insert rows: %w", err)
	}
	if d.issued == nil {
		d.issued = map[string]int{}
	}
	d.issued[day] += today
	return customers, nil
}

// failedError says that operations did not succeed.
type failedError struct {
	total  int
	failed []jobs.Operation
}

func (e *failedError) Error() string {
	text := fmt.Sprintf("%d of %d failed: %s", len(e.failed), e.total, describe(e.failed[0]))
	if len(e.failed) > 1 {
		text += ", …"
	}
	return text
}

// watch shows operations as the line of a bar until each has ended, and gives them in the order of ids. One that has not succeeded makes a
// [*failedError].
func (d *devFleet) watch(ctx context.Context, what string, ids []string) ([]jobs.Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	client, err := d.app.jobs(ctx)
	if err != nil {
		return nil, err
	}
	show := newStepBar(d.app.out, d.stamp, what, len(ids))
	defer show.done()
	ops, err := followAll(ctx, client, ids, show)
	if err != nil {
		return ops, fmt.Errorf("%s: %w", what, err)
	}
	var failed []jobs.Operation
	for _, op := range ops {
		if op.State != jobs.StateSucceeded {
			failed = append(failed, op)
		}
	}
	if len(failed) > 0 {
		return ops, fmt.Errorf("%s: %w", what, &failedError{total: len(ops), failed: failed})
	}
	return ops, nil
}
