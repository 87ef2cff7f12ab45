package main

import (
	"fmt"
	"time"

	"github.com/avenit/tenantry/tenants/fanout"
)

// barEvery is how often the bar is drawn at most.
const barEvery = 100 * time.Millisecond

// queryBar shows on a terminal how many tenants have been asked. Its functions are called one at a time.
type queryBar struct {
	show   *progress
	total  int
	done   int
	failed int
	drawn  time.Time
}

func newQueryBar(a *app) *queryBar { return &queryBar{show: newProgress(a.err, 0)} }

func (b *queryBar) begin(tenants int) { b.total = tenants }

func (b *queryBar) ended(o fanout.Outcome) {
	b.done++
	if o.State != fanout.Answered {
		b.failed++
	}
	if !b.show.terminal || time.Since(b.drawn) < barEvery {
		return
	}
	b.drawn = time.Now()
	text := fmt.Sprintf("%s %d of %d tenants", bar(int64(b.done), int64(b.total)), b.done, b.total)
	if b.failed > 0 {
		text += fmt.Sprintf(", %d without an answer", b.failed)
	}
	b.show.draw(text)
}

// clear makes room for what is written to the same terminal.
func (b *queryBar) clear() {
	if b.show.line {
		_, _ = fmt.Fprint(b.show.w, "\r\x1b[K")
		b.show.line = false
	}
}
