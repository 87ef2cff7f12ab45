package aggregate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 2, 15, 0, 0, time.UTC)
	before, after := now.Add(-time.Minute), now.Add(time.Minute)
	for _, test := range []struct {
		name string
		s    seen
		want action
	}{
		{"nobody is there", seen{Until: after}, actComplete},
		{"nobody was asked yet", seen{Until: after, First: 3, Due: 3}, actDispatch},
		{"everybody is being asked", seen{Until: after, Batches: 2}, actWait},
		{"another node can begin", seen{Until: after, Batches: 1, First: 1, Due: 1}, actDispatch},
		{"some are late", seen{Until: after, Later: 2}, actWait},
		{"the pause is over", seen{Until: after, Due: 2}, actDispatch},
		{"some are late, others are being asked", seen{Until: after, Later: 2, Batches: 1}, actWait},
		{"its time is over", seen{Until: before, Later: 2}, actOver},
		{"its time is over, and some would be due", seen{Until: before, Due: 2}, actOver},
		{"its time ends now", seen{Until: now, Due: 2}, actOver},
		{"its time is over, some are being asked", seen{Until: before, Due: 2, Batches: 1}, actWait},
		{"its time is over before all were asked once", seen{Until: before, First: 1, Due: 2}, actDispatch},
		{"all have answered in the last moment", seen{Until: before}, actComplete},
		{"cancelled, some are being asked", seen{Until: after, CancelAsked: true, Batches: 1, Due: 5, First: 5}, actStop},
		{"cancelled", seen{Until: after, CancelAsked: true, Due: 5, First: 5}, actCancelled},
	} {
		test.s.Now = now
		require.Equal(t, test.want, decide(test.s), test.name)
	}
}

// Whatever comes, a run ends: nothing waits without a reason that passes by itself.
func TestDecideEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 27, 2, 15, 0, 0, time.UTC)
		s := seen{
			Now: now, Until: now.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "until"))), CancelAsked: rapid.Bool().Draw(t, "cancel"),
			Batches: rapid.IntRange(0, 2).Draw(t, "batches"), Due: rapid.IntRange(0, 3).Draw(t, "due"), Later: rapid.IntRange(0, 3).Draw(t, "later"),
		}
		s.First = rapid.IntRange(0, s.Due).Draw(t, "first")
		act := decide(s)
		switch act {
		case actWait:
			require.True(t, s.Batches > 0 || s.Later > 0)
		case actDispatch:
			require.Positive(t, s.Due)
		case actStop:
			require.True(t, s.CancelAsked && s.Batches > 0)
		case actComplete:
			require.Zero(t, s.Batches+s.Due+s.Later)
		case actOver, actCancelled:
			require.Zero(t, s.Batches)
		}
		// Once its time is over, and everybody was asked, it waits for batches only.
		if !now.Before(s.Until) && s.First == 0 && s.Batches == 0 {
			require.NotContains(t, []action{actWait, actDispatch}, act)
		}
	})
}
