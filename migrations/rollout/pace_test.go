package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avenit/tenantry/migrations/rollout"
)

func TestPace(t *testing.T) {
	t.Parallel()
	p := rollout.FirstPace()
	require.Equal(t, p, p.Next(3, 10), "a round that is not complete")
	require.Equal(t, p, p.Next(4, 0), "nobody connected")
	p = p.Next(4, 10)
	require.Equal(t, rollout.Pace{Parallel: 6, BestMS: 10}, p)
	p = p.Next(6, 24)
	require.Equal(t, rollout.Pace{Parallel: 8, BestMS: 10}, p, "still about as fast")
	require.Equal(t, p, p.Next(8, 30), "slower: it stays")
	require.Equal(t, rollout.Pace{Parallel: 6, BestMS: 10}, p.Next(8, 40), "much slower")
	require.Equal(t, rollout.Pace{Parallel: 10, BestMS: 7}, p.Next(8, 7), "faster than ever")
}

// A server that takes longer the more come at once, beyond what it can do: the pace settles around that, in bounds, whatever it is.
func TestPaceSettles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		room := rapid.IntRange(1, 60).Draw(t, "tenants it serves without waiting")
		p := rollout.FirstPace()
		for range 100 {
			p = p.Next(p.Parallel, 10*max(1, float64(p.Parallel)/float64(room)))
			require.GreaterOrEqual(t, p.Parallel, 2)
			require.LessOrEqual(t, p.Parallel, 32)
		}
		if room >= 32 {
			require.Equal(t, 32, p.Parallel)
		} else {
			require.LessOrEqual(t, p.Parallel, max(12, 4*room), "far above what the server can do")
		}
	})
}
