package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/gentle"
)

// follow watches operations until each has ended and shows how far they are: a line of bars on a terminal, a line a change
// elsewhere. It returns them as they were last seen, in the order of ids. The work goes on without the control database's client,
// so one that goes away is waited for until ctx ends.
func (a *app) follow(ctx context.Context, client *jobs.Client, ids []string) ([]jobs.Operation, error) {
	show := newProgress(a.err, len(ids))
	defer show.done()
	return followAll(ctx, client, ids, show)
}

// watcher is told of operations that are watched.
type watcher interface {
	update(op jobs.Operation)
	// away says that the control database does not answer.
	away(err error)
}

// followAll is follow with whoever shows it.
func followAll(ctx context.Context, client *jobs.Client, ids []string, show watcher) ([]jobs.Operation, error) {
	seen := make([]jobs.Operation, len(ids))
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		seen[i].ID = id
		wg.Go(func() { errs[i] = followOne(ctx, client, &seen[i], show) })
	}
	wg.Wait()
	return seen, errors.Join(errs...)
}

// followOne keeps op up to date until it has ended.
func followOne(ctx context.Context, client *jobs.Client, op *jobs.Operation, show watcher) error {
	const first, most = 250 * time.Millisecond, 5 * time.Second
	pause := first
	for {
		var err error
		for now, watched := range client.Watch(ctx, op.ID) {
			if now.ID != "" {
				*op, pause = now, first
				show.update(now)
			}
			err = watched
		}
		if err == nil || ctx.Err() != nil || gentle.Classify(err) != gentle.Transient {
			return err
		}
		show.away(err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, most)
		}
	}
}

// progress shows operations on a terminal or in a log.
type progress struct {
	w        io.Writer
	terminal bool
	total    int
	begun    time.Time

	mu   sync.Mutex
	last map[string]string
	ops  map[string]jobs.Operation
	line bool
	told bool // that the control database is away
}

func newProgress(w io.Writer, total int) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), total: total, begun: time.Now(), last: map[string]string{}, ops: map[string]jobs.Operation{}}
}

func (p *progress) update(op jobs.Operation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ops[op.ID] = op
	text := describe(op)
	if p.last[op.ID] == text {
		return
	}
	p.last[op.ID] = text
	s := p.score()
	switch {
	case p.terminal && p.total == 1:
		p.draw(bar(op.Progress.Done, op.Progress.Total) + " " + text)
	case p.terminal:
		p.draw(bar(int64(s.ended), int64(s.total)) + " " + s.line(time.Since(p.begun)) + "  " + text)
	case p.total > 1 && settled(op):
		_, _ = fmt.Fprintf(p.w, "%s (%s)\n", text, s.line(time.Since(p.begun)))
	default:
		_, _ = fmt.Fprintln(p.w, text)
	}
}

// score is how far several operations are.
type score struct {
	total, ended, failed int
	// already had ended when they were first looked at: they say nothing of the pace.
	already int
}

func (p *progress) score() score {
	s := score{total: p.total}
	for _, op := range p.ops {
		if !settled(op) {
			continue
		}
		s.ended++
		if op.State != jobs.StateSucceeded {
			s.failed++
		}
		if op.FinishedAt != nil && op.FinishedAt.Before(p.begun) {
			s.already++
		}
	}
	return s
}

// line says how far it is after some time, how fast, and how long the rest takes when it goes on like that.
func (s score) line(after time.Duration) string {
	text := fmt.Sprintf("%d of %d", s.ended, s.total)
	if s.failed > 0 {
		text += fmt.Sprintf(", %d failed", s.failed)
	}
	now := s.ended - s.already
	if now == 0 || after <= 0 {
		return text
	}
	text += ", " + rate(now, after)
	if s.ended < s.total {
		text += ", " + (after * time.Duration(s.total-s.ended) / time.Duration(now)).Round(time.Second).String() + " left"
	}
	return text
}

// rate says how fast n were done, in a unit that people can imagine.
func rate(n int, after time.Duration) string {
	if perSecond := float64(n) / after.Seconds(); perSecond >= 1 {
		return fmt.Sprintf("%.1f a second", perSecond)
	}
	return fmt.Sprintf("%.1f a minute", float64(n)/after.Minutes())
}

// away says once that the control database does not answer.
func (p *progress) away(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told {
		return
	}
	p.told = true
	if p.line {
		_, _ = fmt.Fprintln(p.w)
		p.line = false
	}
	_, _ = fmt.Fprintf(p.w, "the control database does not answer; the work goes on, and so does the wait: %v\n", err)
}

func (p *progress) draw(text string) {
	if f, ok := p.w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 1 {
			if runes := []rune(text); len(runes) >= width {
				text = string(runes[:width-1])
			}
		}
	}
	_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	p.line = true
}

func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line {
		_, _ = fmt.Fprintln(p.w)
	}
}

func bar(done, total int64) string {
	const width = 20
	full := 0
	if total > 0 {
		full = int(min(done*width/total, width))
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("·", width-full) + "]"
}

func describe(op jobs.Operation) string {
	text := fmt.Sprintf("%s %s %s", op.ID, op.Kind, op.State)
	if op.Tenant != nil {
		text = fmt.Sprintf("%s %s %s %s", op.ID, op.Kind, *op.Tenant, op.State)
	}
	if op.State == jobs.StateRunning && op.Step != "" {
		text += ": " + op.Step
		if op.Progress.Total > 0 {
			text += fmt.Sprintf(" (%d/%d)", op.Progress.Done, op.Progress.Total)
		}
	}
	if op.Error != nil && op.State != jobs.StateSucceeded {
		text += ": " + op.Error.Message
		if op.Error.Hint != "" {
			text += " (" + op.Error.Hint + ")"
		}
	}
	return printable(text)
}

// waiting is the flags of every verb that submits.
type waiting struct {
	wait    bool
	timeout time.Duration
	key     string
}

// settleUp shows submitted operations and, when asked, waits for them. failed counts those that could not be submitted.
func (a *app) settleUp(ctx context.Context, client *jobs.Client, ids []string, failed int, w waiting) error {
	if !w.wait {
		if a.json() {
			ops := make([]jobs.Operation, 0, len(ids))
			for _, id := range ids {
				op, err := client.Get(ctx, id)
				if err != nil {
					return err
				}
				ops = append(ops, op)
			}
			if err := a.printOps(ops); err != nil {
				return err
			}
		} else {
			for _, id := range ids {
				a.printf("%s submitted; follow it with: tenantry op watch %s\n", id, id)
			}
		}
		return partial(failed, len(ids)+failed)
	}
	wait, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	ops, err := a.follow(wait, client, ids)
	if err != nil && ctx.Err() == nil && wait.Err() != nil {
		return a.timedOut(ctx, client, ops, w.timeout)
	}
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("no longer watched; the work goes on: tenantry op watch %s%s", few(ids), more(len(ids)))
	}
	if err != nil {
		return err
	}
	if a.json() {
		if err := a.printOps(ops); err != nil {
			return err
		}
	}
	for _, op := range ops {
		if op.State != jobs.StateSucceeded {
			failed++
			if !a.json() {
				_, _ = fmt.Fprintln(a.err, "tenantry:", describe(op))
			}
		}
	}
	return partial(failed, len(ids)+(failed-countFailed(ops)))
}

// timedOut tells how far operations are that have not all ended in time.
func (a *app) timedOut(ctx context.Context, client *jobs.Client, ops []jobs.Operation, after time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var open []string
	for i, op := range ops {
		if settled(op) {
			continue
		}
		now, err := client.Get(ctx, op.ID)
		switch {
		case errors.Is(err, jobs.ErrNotFound):
			_, _ = fmt.Fprintln(a.err, "tenantry:", message(err))
			continue
		case err == nil: // else as it was last seen
			ops[i] = now
		}
		if !settled(ops[i]) {
			open = append(open, op.ID)
		}
	}
	if a.json() {
		if err := a.printOps(ops); err != nil {
			return err
		}
	}
	if len(open) == 0 {
		return &codeError{exitTimeout, fmt.Errorf("all have ended, the last of them just after %s: see tenantry op list", after)}
	}
	return &codeError{exitTimeout, fmt.Errorf("not ended after %s; the work goes on: tenantry op watch %s%s", after, few(open), more(len(open)))}
}

// mostNamed is how many operations a message names.
const mostNamed = 5

func few(ids []string) string { return strings.Join(ids[:min(len(ids), mostNamed)], " ") }

func more(n int) string {
	if n <= mostNamed {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n-mostNamed)
}

// settled says that nothing happens to an operation any more unless a person decides.
func settled(op jobs.Operation) bool { return op.State.Final() || op.State == jobs.StateParked }

func countFailed(ops []jobs.Operation) int {
	n := 0
	for _, op := range ops {
		if op.State != jobs.StateSucceeded {
			n++
		}
	}
	return n
}

// partial gives the exit of a verb on several things.
func partial(failed, total int) error {
	switch {
	case failed == 0:
		return nil
	case failed < total:
		return &codeError{exitPartial, errShown}
	default:
		return &codeError{exitError, errShown}
	}
}

// printOps writes one operation as an object and several as a list.
func (a *app) printOps(ops []jobs.Operation) error {
	for i := range ops {
		if ops[i].Result == nil {
			ops[i].Result = json.RawMessage("null")
		}
	}
	if len(ops) == 1 {
		return a.printJSON(ops[0])
	}
	return a.printJSON(ops)
}
