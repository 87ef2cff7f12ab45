package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

var (
	atStartBefore  = crashpoint.New("operation.start.before")
	atStartAfter   = crashpoint.New("operation.start.after")
	atChangeWithin = crashpoint.New("operation.change.within") // a transaction is open, what changes is written
	atSettleBefore = crashpoint.New("operation.settle.before")
	atSettleWithin = crashpoint.New("operation.settle.within") // the same, for the end of an operation with a record
	atSettleAfter  = crashpoint.New("operation.settle.after")
)

// delivery is the River worker of every kind: it brings a job to the handler of its kind, between the ledger's start
// and its end.
type delivery struct {
	river.WorkerDefaults[jobs.Delivery]
	handler Handler
	life    *life
	ledger  *ledger
	log     zerolog.Logger
	metrics *Metrics
}

// Timeout is finite for every kind: River's rescuer must be able to tell a stuck job.
func (d *delivery) Timeout(*river.Job[jobs.Delivery]) time.Duration { return d.handler.Timeout }

// Work returns an error only where the ledger could not be reached: everything else is written there.
func (d *delivery) Work(ctx context.Context, job *river.Job[jobs.Delivery]) error {
	ctx, cancel := d.life.bind(ctx)
	defer cancel()
	begun := time.Now()
	atStartBefore.Hit(ctx)
	// Whoever ends this job meanwhile must not leave an operation that the ledger has begun and nobody runs.
	op, err := d.ledger.start(context.WithoutCancel(ctx), job.Args.OperationID)
	if err != nil {
		return err
	}
	switch op.Verdict {
	case verdictRun:
	case verdictFenced, verdictHeld:
		return river.JobSnooze(time.Second) //nolint:wrapcheck // a signal to River; a worker takes it when it can
	case verdictUnknown:
		return river.JobCancel(fmt.Errorf("there is no operation %s in the ledger", job.Args.OperationID)) //nolint:wrapcheck // a signal to River
	case verdictFinal, verdictWaiting:
		d.log.Info().Str("operation_id", op.ID).Str("job_kind", op.Kind).Str("verdict", string(op.Verdict)).Msg("job had nothing to do")
		return nil
	}
	atStartAfter.Hit(ctx)
	d.life.running(op.ID, op.Attempt)
	defer d.life.ended(op.ID, op.Attempt)
	r := &run{started: op, ledger: d.ledger, log: d.log.With().Str("operation_id", op.ID).Str("job_kind", op.Kind).Int("attempt", op.Attempt).Logger()}
	did, err := d.handle(ctx, r)
	e, rec := d.conclude(ctx, r, did, err)
	if e.Outcome != outcomeNone {
		atSettleBefore.Hit(ctx)
		if settleErr := d.settle(ctx, e, r, rec); settleErr != nil {
			if !errors.Is(settleErr, provision.ErrSuperseded) {
				return settleErr
			}
			e.Outcome = outcomeNone
		}
		atSettleAfter.Hit(ctx)
		d.output(ctx, e)
	}
	d.report(r, e, err, time.Since(begun))
	return nil
}

// output shows a result in River UI. River writes it together with the job's completion, for many jobs at once.
func (d *delivery) output(ctx context.Context, e end) {
	if e.Outcome != outcomeSucceeded || e.Result == nil {
		return
	}
	encoded, err := json.Marshal(e.Result)
	if err == nil {
		err = river.RecordOutput(ctx, json.RawMessage(cleanJSON(encoded)))
	}
	if err != nil {
		d.log.Warn().Err(err).Str("operation_id", e.ID).Msg("result not shown in River UI; the operation has it")
	}
}

// handle runs the handler; a panic becomes an error.
func (d *delivery) handle(ctx context.Context, r *run) (did done, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error().Stack().Str("panic", clean(fmt.Sprint(p))).Bytes("stack", stack()).Msg("handler panicked")
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if d.handler.Work != nil {
		return d.handler.Work(ctx, r)
	}
	return done{}, fmt.Errorf("kind %s has no handler", r.Kind)
}

// ofLostNode says that an operation cannot be done because its node is lost. One that takes another node with its next attempt can, and a swap that has begun runs to
// its end.
func (d *delivery) ofLostNode(ctx context.Context, r *run, err error) bool {
	if errors.Is(err, tenants.ErrNodeLost) {
		return !d.handler.PlacesAnew && !swapBegun(err)
	}
	return unreachable(err) && !ofStore(err) && d.ledger.onLostNode(ctx, r.ID)
}

// conclude decides how the run ends.
func (d *delivery) conclude(ctx context.Context, r *run, did done, err error) (end, record) {
	if d.ofLostNode(ctx, r, err) {
		err = &refusal{
			code: "node_lost", message: "its node is lost: " + clean(err.Error()),
			hint: "restore the node's tenants elsewhere: tenantry node restore; or, when the node is there again: tenantry node return",
		}
	}
	out, delay := fate(err, d.life.cause(ctx), r.started, d.handler)
	if out == outcomeCancelled && !d.ledger.cancelAsked(ctx, r.ID) {
		out = outcomeHandover // anybody in the control database can send the notification; nobody has asked
	}
	e := end{ID: r.ID, Attempt: r.Attempt(), Outcome: out, Delay: delay.Seconds(), Schema: did.schema}
	if err == nil {
		e.Result, e.Release = did.result, did.release
		return e, did.record
	}
	if out == outcomeHandover {
		return e, nil
	}
	e.Error = problemOf(err, r.lastStep())
	if out == outcomeCancelled {
		e.Error = &problem{Code: "cancelled", Message: "cancelled while it ran", Hint: "tenantry op retry goes on with it", Step: r.lastStep()}
	}
	if (out == outcomeFailed || out == outcomeCancelled) && d.handler.Abandon != nil {
		return e, d.handler.Abandon(r)
	}
	return e, nil
}

// settle writes the end, also after the run's context has ended, and stubbornly: a control database that restarts must
// not cost an attempt. It gives up a lease after this life has ended, for then another worker settles.
func (d *delivery) settle(ctx context.Context, e end, r *run, rec record) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(d.life.ctx, func() { time.AfterFunc(d.life.lease, cancel) })()
	for try := 1; ; try++ {
		err := d.ledger.settle(ctx, e, r.TenantID, rec)
		if err == nil || errors.Is(err, provision.ErrSuperseded) || errors.Is(err, errStopped) {
			return err
		}
		r.log.Warn().Err(err).Int("try", try).Msg("end not yet recorded")
		select {
		case <-ctx.Done():
			return err
		case <-time.After(backoff(try, 2*time.Second)):
		}
	}
}

// report writes the one canonical line of a job.
func (d *delivery) report(r *run, e end, err error, took time.Duration) {
	d.metrics.observe(r.Kind, e.Outcome, took)
	level := zerolog.InfoLevel
	if e.Outcome == outcomeParked || e.Outcome == outcomeFailed {
		level = zerolog.ErrorLevel
	}
	line := r.log.WithLevel(level).Str("outcome", string(e.Outcome)).Int64("duration_ms", took.Milliseconds()).Str("step", r.lastStep())
	if r.TenantID != nil {
		line = line.Str("tenant_id", *r.TenantID)
	}
	if err != nil {
		line = line.Str("error", clean(err.Error()))
	}
	line.Msg("operation")
}
