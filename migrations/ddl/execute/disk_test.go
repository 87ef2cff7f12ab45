package execute

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
)

func TestDiskKeepsUp(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	begun := time.Now()
	for _, test := range []struct {
		name string
		seen []time.Duration // one each 20 s
		took time.Duration
		want bool
	}{
		{"nothing is known", nil, ms, false},
		{"a fast disk, as always", []time.Duration{ms}, 2 * ms, true},
		{"a fast disk may take a moment", []time.Duration{ms}, 25 * ms, true},
		{"a fast disk has much to write", []time.Duration{ms, 200 * ms}, 26 * ms, false},
		{"a server that waits for another one far away", []time.Duration{80 * ms, 90 * ms}, 240 * ms, true},
		{"more than that", []time.Duration{80 * ms, 90 * ms}, 241 * ms, false},
		{"slow for a minute", []time.Duration{ms, 300 * ms, 300 * ms, 300 * ms}, 300 * ms, false},
		{"slow for more than a minute", []time.Duration{ms, 300 * ms, 300 * ms, 300 * ms, 300 * ms}, 300 * ms, true},
		{"fast again", []time.Duration{ms, 300 * ms, 300 * ms, 300 * ms, 300 * ms, ms}, 300 * ms, false},
	} {
		var d disk
		for i, took := range test.seen {
			d.note(begun.Add(time.Duration(i)*20*time.Second), took)
		}
		require.Equal(t, test.want, d.keepsUp(test.took), test.name)
	}
}

// While the disk does not keep up nothing is filled, but not for ever.
func TestDiskIsAwaited(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	var takes []time.Duration
	looks := 0
	var told string
	s := session{opts: Options{Progress: func(_, _ int64, what string) { told = what }}.withDefaults()}
	s.disk.look = func(context.Context) (time.Duration, error) {
		took := takes[min(looks, len(takes)-1)]
		looks++
		return took, nil
	}
	step := ddl.Step{Kind: ddl.StepFill, Table: "d_0001"}
	wait := func(last time.Duration, script ...time.Duration) time.Duration {
		begun := time.Now()
		looks, takes, told = 0, script, ""
		require.NoError(t, s.awaitDisk(t.Context(), step, last))
		return time.Since(begun)
	}
	require.Less(t, wait(0, 2*ms), diskLook, "at the beginning nobody knows what is usual")
	require.Equal(t, 1, looks)
	wait(20*ms, 900*ms)
	require.Zero(t, looks, "the batch's own commit was fast")
	require.Less(t, wait(900*ms, 3*ms), diskLook, "the batch was large, and a small commit is fast")
	require.Equal(t, 1, looks)
	require.Greater(t, wait(900*ms, 60*ms, 40*ms, 30*ms, 3*ms), 60*ms+2*diskLook)
	require.Equal(t, 4, looks)
	require.Empty(t, told)

	took := wait(900*ms, 600*ms)
	require.GreaterOrEqual(t, took, diskPatience)
	require.Less(t, took, diskPatience+2*time.Second)
	require.Equal(t, "fill rows of d_0001: waits for the disk, a commit takes 600ms", told)

	s.opts.Pause = func() bool { return true }
	looks, takes = 0, []time.Duration{600 * ms}
	require.ErrorIs(t, s.awaitDisk(t.Context(), step, 900*ms), ErrPaused, "a person can stop it meanwhile")
	require.Equal(t, 1, looks)
	s.change.state = stateUndoing
	wait(900*ms, 600*ms, ms)
	require.Equal(t, 2, looks, "what takes a change back goes on")
	looks, takes = 0, []time.Duration{600 * ms}

	ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
	defer cancel()
	require.ErrorIs(t, s.awaitDisk(ctx, step, 0), context.DeadlineExceeded)
}
