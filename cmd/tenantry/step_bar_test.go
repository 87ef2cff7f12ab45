package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
)

// TestStepBar: beside a terminal a step writes a line for each quarter of it, and who failed. Of one that is quick only the last is written.
func TestStepBar(t *testing.T) {
	t.Parallel()
	lines := stepLines(0)
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], "1.0s  back up  [#####···············] 2 of 8, ")
	require.Contains(t, lines[3], "1.0s  back up  [####################] 8 of 8, 1 failed, ")
	require.Equal(t, lines[3][:40], stepLines(time.Hour)[0][:40])
}

// stepLines is what a step writes of eight operations, the last of which is parked.
func stepLines(every time.Duration) []string {
	var out bytes.Buffer
	b := newStepBar(&out, func() string { return "1.0s  " }, "back up", 8)
	b.every = every
	for i := range 8 {
		op := jobs.Operation{ID: string(rune('a' + i)), State: jobs.StateRunning}
		b.update(op)
		op.State = jobs.StateSucceeded
		if i == 7 {
			op.State = jobs.StateParked
		}
		b.update(op)
	}
	b.done()
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}
