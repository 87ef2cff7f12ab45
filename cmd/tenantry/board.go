package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/avenit/tenantry/migrations/rollout"
)

// watchRollout shows a rollout until it has ended or is paused: a board that is drawn anew on a terminal, a line a change elsewhere.
func (a *app) watchRollout(c *cobra.Command, id string, timeout time.Duration) error {
	pool, err := a.control(c.Context())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), timeout)
	defer cancel()
	f, ok := a.err.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	drawn, last := 0, ""
	var pace pace
	for {
		r, err := rollout.Get(ctx, pool, id)
		if err != nil {
			if ctx.Err() != nil {
				return &codeError{exitTimeout, fmt.Errorf("not ended after %s; it goes on: tenantry rollout watch", timeout)}
			}
			return err
		}
		id = r.ID
		pace.note(time.Now(), r.Of(-1, rollout.Done))
		lines := board(r)
		if rate := pace.text(r.Of(-1, rollout.Pending, rollout.Applying)); rate != "" && !r.State.Final() {
			lines = append(lines, rate)
		}
		switch text := strings.Join(lines, "\n"); {
		case terminal:
			if drawn > 0 {
				_, _ = fmt.Fprintf(a.err, "\x1b[%dA\x1b[J", drawn)
			}
			_, _ = fmt.Fprintln(a.err, text)
			drawn = len(lines)
		case oneLine(r) != last:
			last = oneLine(r)
			_, _ = fmt.Fprintln(a.err, last)
		}
		if r.State.Final() || r.State == rollout.Paused {
			return a.endRollout(r)
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// endRollout gives the exit of a rollout that does not go on.
func (a *app) endRollout(r rollout.Rollout) error {
	if a.json() {
		if err := a.printJSON(r); err != nil {
			return err
		}
	}
	switch r.State {
	case rollout.Completed:
		return nil
	case rollout.CompletedWithExceptions:
		return &codeError{exitPartial, errShown}
	case rollout.Paused:
		return &codeError{exitError, fmt.Errorf("rollout %s is paused (%s): %s\n  look: tenantry rollout status --tenants --state failed; then tenantry rollout retry, resume or abort", r.ID, r.Reason, r.Detail)}
	case rollout.Aborted, rollout.Running, rollout.Baking, rollout.Aborting:
	}
	return &codeError{exitError, fmt.Errorf("rollout %s is %s", r.ID, r.State)}
}

func oneLine(r rollout.Rollout) string {
	total := r.Of(-1, rollout.Pending, rollout.Applying, rollout.Done, rollout.Failed, rollout.Waived)
	text := fmt.Sprintf("%s %s %s wave %d of %d: %d of %d done", r.ID, r.Release, r.State, r.Wave+1, r.Waves, r.Of(-1, rollout.Done), total)
	if n := r.Of(-1, rollout.Failed); n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	return text
}

// board draws a rollout.
func board(r rollout.Rollout) []string {
	state := string(r.State)
	if r.Reason != "" {
		state += " (" + string(r.Reason) + ")"
	}
	lines := []string{fmt.Sprintf("%s  release %s  %s, started by %s %s", r.ID, r.Release, state, printable(r.StartedBy), ago(r.CreatedAt))}
	if r.Detail != "" {
		lines = append(lines, "  "+printable(r.Detail))
	}
	if r.State == rollout.Baking && r.BakeUntil != nil {
		lines = append(lines, fmt.Sprintf("  bakes until %s (%s more)", r.BakeUntil.UTC().Format(time.RFC3339), max(0, time.Until(*r.BakeUntil)).Round(time.Second)))
	}
	for wave := range r.Waves {
		done, failed := r.Of(wave, rollout.Done), r.Of(wave, rollout.Failed, rollout.Waived)
		total := done + failed + r.Of(wave, rollout.Pending, rollout.Applying)
		line := fmt.Sprintf("  wave %d  %s %d of %d", wave+1, bar(int64(done+failed), int64(total)), done, total)
		if n := r.Of(wave, rollout.Applying); n > 0 {
			line += fmt.Sprintf(", %d under way", n)
		}
		if failed > 0 {
			line += fmt.Sprintf(", %d failed or waived", failed)
		}
		lines = append(lines, line)
	}
	for _, s := range rollout.MemberStates() {
		if n := r.Of(-1, s); n > 0 && strings.HasPrefix(string(s), "skipped") {
			lines = append(lines, fmt.Sprintf("  %d %s", n, strings.Replace(string(s), "_", ": ", 1)))
		}
	}
	for _, f := range r.Failures {
		lines = append(lines, fmt.Sprintf("  %d failed with %s", f.Tenants, printable(f.String())))
	}
	return lines
}

// pace estimates from the last half minute how fast a rollout is.
type pace struct {
	at   []time.Time
	done []int
}

func (p *pace) note(now time.Time, done int) {
	p.at, p.done = append(p.at, now), append(p.done, done)
	for len(p.at) > 1 && now.Sub(p.at[0]) > 30*time.Second {
		p.at, p.done = p.at[1:], p.done[1:]
	}
}

func (p *pace) text(left int) string {
	last := len(p.at) - 1
	if last < 1 || p.done[last] == p.done[0] {
		return ""
	}
	rate := float64(p.done[last]-p.done[0]) / p.at[last].Sub(p.at[0]).Seconds()
	return fmt.Sprintf("  %.1f tenants a second, %s left at this pace, rests not counted", rate, time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
}
