package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/workers"
)

const (
	demoRelease = "crm-payments"
	demoCanary  = "acme" // the first of sampleTenants
)

// showRollout publishes the sample product's next release and brings it to every tenant.
func (d *devFleet) showRollout(ctx context.Context) error {
	if err := d.publishNext(ctx); err != nil {
		return err
	}
	policy := rollout.Policy{Canary: []string{demoCanary}, Waves: []float64{10, 50, 100}, Bake: -1}
	plan, report, err := d.app.makePlan(ctx, demoRelease, rollout.Selector{}, policy, preflightFlags{})
	if err != nil {
		return err
	}
	if report == nil {
		return fmt.Errorf("release %s changes no tenant", demoRelease)
	}
	if n := len(report.Blocked); n > 0 {
		d.app.printPreflight(*report)
		return fmt.Errorf("%d of %d tenants would fail", n, report.Tenants)
	}
	d.say("preflight: %s", preflightLine(*report))
	id, err := d.app.startPlan(ctx, plan, report, preflightFlags{})
	if err != nil {
		return err
	}
	return d.showWaves(ctx, id)
}

// publishNext publishes the release before and what the next one adds, as a folder of migrations that somebody keeps.
func (d *devFleet) publishNext(ctx context.Context) error {
	folder := filepath.Join(d.dir, "migrations")
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("write migrations: %w", err)
	}
	before, err := subFolder(migrations.Sample, "tenant")
	if err != nil {
		return err
	}
	next, err := subFolder(migrations.SampleNext, "tenant_next")
	if err != nil {
		return err
	}
	if err := os.CopyFS(folder, before); err != nil {
		return fmt.Errorf("write migrations: %w", err)
	}
	if err := os.CopyFS(folder, next); err != nil {
		return fmt.Errorf("write migrations: %w", err)
	}
	rel, err := release.Read(os.DirFS(folder), release.Options{})
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	pool, err := d.app.control(ctx)
	if err != nil {
		return err
	}
	p, _, err := workers.PublishLinted(ctx, pool, rel, demoRelease, "tenantry dev", workers.KeepCurrent, "")
	if err != nil {
		return err
	}
	d.say("release %s is published: invoices get a column, and payments a table; the linter finds no error", p.Name)
	return nil
}

// showWaves shows each wave of a rollout as the line of a bar until all have the release.
func (d *devFleet) showWaves(ctx context.Context, id string) error {
	pool, err := d.app.control(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	var shown *stepBar
	defer func() {
		if shown != nil {
			shown.done()
		}
	}()
	next := 0
	for {
		r, err := rollout.Get(ctx, pool, id)
		if err != nil {
			return err
		}
		for next < r.Waves {
			total := r.Of(next, rollout.Pending, rollout.Applying, rollout.Done, rollout.Failed, rollout.Waived)
			if shown == nil {
				shown = newStepBar(d.app.out, d.stamp, fmt.Sprintf("wave %d of %d", next+1, r.Waves), total)
			}
			done := r.Of(next, rollout.Done)
			shown.show(done, waveText(r, next, total))
			if done < total {
				break
			}
			shown.done()
			shown = nil
			next++
		}
		switch {
		case r.State == rollout.Completed && r.Of(-1, rollout.Done) == d.fleet():
			d.say("all %d tenants have release %s: %s", d.fleet(), r.Release, rate(d.fleet(), time.Since(begun)))
			return nil
		case r.State.Final(), r.State == rollout.Paused:
			return fmt.Errorf("the rollout is %s: %d of %d tenants have release %s%s", r.State, r.Of(-1, rollout.Done), d.fleet(), r.Release, failuresText(r))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("watch rollout %s: %w", id, ctx.Err())
		case <-time.After(barEvery):
		}
	}
}

func waveText(r rollout.Rollout, wave, total int) string {
	text := fmt.Sprintf("%d of %d", r.Of(wave, rollout.Done), total)
	if n := r.Of(wave, rollout.Failed, rollout.Waived); n > 0 {
		text += fmt.Sprintf(", %d failed or waived", n)
	}
	if wave == 0 {
		text += ", the canary " + demoCanary
	}
	return text
}

func failuresText(r rollout.Rollout) string {
	var text strings.Builder
	for _, f := range r.Failures {
		_, _ = fmt.Fprintf(&text, "; %d failed with %s", f.Tenants, printable(f.String()))
	}
	return text.String()
}
