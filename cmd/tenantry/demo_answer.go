package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
)

const demoQuestion = "SELECT count(*) FROM invoices WHERE issued_at >= current_date"

// showAnswer asks how many invoices were issued on the platform today, and holds the answer against what was written.
func (d *devFleet) showAnswer(ctx context.Context) error {
	d.say(`tenantry query "%s" --sum`, demoQuestion)
	reg, err := d.app.registry(ctx)
	if err != nil {
		return err
	}
	for {
		day := time.Now().UTC().Format(time.DateOnly)
		sum, report, err := d.ask(ctx, reg)
		if err != nil {
			return err
		}
		if time.Now().UTC().Format(time.DateOnly) != day {
			continue // it was midnight meanwhile: tenants can have been asked about two days
		}
		if err := d.agrees(sum, day, report); err != nil {
			return err
		}
		d.say("%d invoices were issued on the platform today: %s have answered, and it is as many as were written", sum, report.Coverage())
		return nil
	}
}

// ask adds up what every tenant answers.
func (d *devFleet) ask(ctx context.Context, reg *tenants.Registry) (sum int, report fanout.Report, err error) {
	show := newQueryBar(d.app)
	defer show.clear()
	tally := fanout.NewTally(fanout.Sum, "")
	report, err = fanout.Query(ctx, reg, fanout.Request{
		SQL: demoQuestion, Application: "tenantry/demo", Begin: show.begin,
		Ended: func(o fanout.Outcome) {
			tally.Ended(o)
			show.ended(o)
		},
	}, tally.Take)
	if err != nil {
		return 0, report, err
	}
	value, _ := tally.Value()
	if sum, err = strconv.Atoi(value); err != nil {
		return 0, report, fmt.Errorf("read the sum: %w", err)
	}
	return sum, report, nil
}

// agrees holds an answer against what this run has written: every tenant has answered, and the sum is that of the day's invoices.
func (d *devFleet) agrees(sum int, day string, report fanout.Report) error {
	if want := d.fleet(); !report.Complete() || len(report.Outcomes) != want {
		return fmt.Errorf("not all of %d tenants have answered: %s", want, report.Coverage())
	}
	if want := d.issued[day]; sum != want {
		return fmt.Errorf("the sum is %d, but %d invoices were written today", sum, want)
	}
	return nil
}
