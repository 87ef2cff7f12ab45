package gentle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLockPolicy(t *testing.T) {
	t.Parallel()
	policy := LockPolicy{}.withDefaults()
	require.NoError(t, policy.validate())
	var timeouts []time.Duration
	for try := range 7 {
		timeouts = append(timeouts, policy.timeout(try))
		pause := policy.pause(try)
		require.GreaterOrEqual(t, pause, policy.Pause/2)
		require.LessOrEqual(t, pause, policy.MaxPause*3/2)
	}
	const ms = time.Millisecond
	require.Equal(t, []time.Duration{100 * ms, 150 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms}, timeouts)
	require.Equal(t, 200*ms, policy.longest())
	require.Equal(t, 200*ms, SharedTimeout(200*ms, 1))
	require.Equal(t, 100*ms, SharedTimeout(200*ms, 2))
	require.Equal(t, 50*ms, SharedTimeout(200*ms, 40))
	require.Equal(t, ms, SharedTimeout(ms, 3), "0 would be no timeout")

	policy.Timeouts = []time.Duration{time.Second, time.Microsecond}
	require.ErrorContains(t, policy.validate(), "the least is 1ms")
	require.Error(t, LockPolicy{Pause: -1}.withDefaults().validate())
	require.Zero(t, jitter(0))
}
