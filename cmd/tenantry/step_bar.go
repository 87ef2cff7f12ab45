package main

import (
	"fmt"
	"io"
	"time"

	"github.com/avenit/tenantry/jobs"
)

// lineEvery is how often a step writes a line at most where there is no terminal. The last one is always written.
const lineEvery = time.Second

// stepBar shows a step that takes time as one line: drawn anew on a terminal; elsewhere written when a quarter more is done, but not too often.
type stepBar struct {
	*progress

	stamp   func() string // what a line begins with
	what    string
	every   time.Duration
	quarter int       // the last one that was written
	written time.Time // when, or when it began
}

func newStepBar(w io.Writer, stamp func() string, what string, total int) *stepBar {
	b := &stepBar{progress: newProgress(w, total), stamp: stamp, what: what, every: lineEvery, written: time.Now()}
	b.show(0, b.score().line(0))
	return b
}

// update shows how far the operations are; of a single one, its own steps.
func (b *stepBar) update(op jobs.Operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ops[op.ID] = op
	if b.total == 1 {
		b.showOne(op)
		return
	}
	s := b.score()
	b.show(s.ended, s.line(time.Since(b.begun)))
}

// showOne shows the steps of a single operation. Where there is no terminal, whoever waits for it tells what came of it.
func (b *stepBar) showOne(op jobs.Operation) {
	if !b.terminal {
		return
	}
	done, total, text := op.Progress.Done, op.Progress.Total, op.Step
	if settled(op) {
		done, total, text = 1, 1, string(op.State)
	}
	b.draw(fmt.Sprintf("%s%s  %s %s", b.stamp(), b.what, bar(done, total), text))
}

// show shows that so much is done, and what there is to say of it.
func (b *stepBar) show(done int, text string) {
	line := fmt.Sprintf("%s%s  %s %s", b.stamp(), b.what, bar(int64(done), int64(b.total)), text)
	if b.terminal {
		b.draw(line)
		return
	}
	quarter := done * 4 / max(b.total, 1)
	if quarter > b.quarter && (done == b.total || time.Since(b.written) >= b.every) {
		b.quarter, b.written = quarter, time.Now()
		_, _ = fmt.Fprintln(b.w, line)
	}
}
