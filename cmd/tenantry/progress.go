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
)

// follow watches operations until each has ended and shows how far they are: a line of bars on a terminal, a line a change
// elsewhere. It returns them as they ended, in the order of ids.
func (a *app) follow(ctx context.Context, client *jobs.Client, ids []string) ([]jobs.Operation, error) {
	show := newProgress(a.err, len(ids))
	defer show.done()
	ended := make([]jobs.Operation, len(ids))
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			for op, err := range client.Watch(ctx, id) {
				if op.ID != "" {
					ended[i] = op
					show.update(op)
				}
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return ended, errors.Join(errs...)
}

// progress shows operations on a terminal or in a log.
type progress struct {
	w        io.Writer
	terminal bool
	total    int

	mu   sync.Mutex
	last map[string]string
	ops  map[string]jobs.Operation
	line bool
}

func newProgress(w io.Writer, total int) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), total: total, last: map[string]string{}, ops: map[string]jobs.Operation{}}
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
	if !p.terminal {
		_, _ = fmt.Fprintln(p.w, text)
		return
	}
	if p.total == 1 {
		p.draw(bar(op.Progress.Done, op.Progress.Total) + " " + text)
		return
	}
	var ended int64
	for _, o := range p.ops {
		if o.State.Final() || o.State == jobs.StateParked {
			ended++
		}
	}
	p.draw(fmt.Sprintf("%s %d of %d  %s", bar(ended, int64(p.total)), ended, p.total, text))
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
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	ops, err := a.follow(ctx, client, ids)
	if errors.Is(err, context.DeadlineExceeded) {
		return &codeError{exitTimeout, fmt.Errorf("not ended after %s; the work goes on: tenantry op watch %s", w.timeout, ids[0])}
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
