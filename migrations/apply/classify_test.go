package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &StatementError{SQLState: code, Err: &pgconn.PgError{Code: code}} }
	tests := map[Class][]error{
		"": {nil},
		Transient: {
			state("40P01"), state("40001"), state("57P01"), state("57P02"), state("57P03"), state("08006"), state("08P01"), state("53300"), state("53100"), state("25P03"),
			context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, &net.OpError{Op: "read", Err: errors.New("reset")},
			fmt.Errorf("commit: %w: %w", ErrOutcomeUnknown, &pgconn.PgError{Code: "42P01"}),
		},
		Blocked: {state("55P03"), &LockedError{}, &BlockedError{Err: errors.New("busy")}, &LockedError{Err: context.Canceled}},
		Permanent: {
			state("42P01"), state("23505"), state("22P02"), state("0A000"), state("54011"), state("57014"), state("28P01"), state("3D000"), state("25006"),
			&DivergedError{}, &UnresolvedError{}, errors.New("something else"),
		},
	}
	for want, errs := range tests {
		for _, err := range errs {
			require.Equal(t, want, Classify(err), "%v", err)
			if err != nil {
				require.Equal(t, want, Classify(fmt.Errorf("wrapped: %w", err)), "%v", err)
			}
		}
	}
}

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
	require.Equal(t, 200*ms, shared(200*ms, 1))
	require.Equal(t, 100*ms, shared(200*ms, 2))
	require.Equal(t, 50*ms, shared(200*ms, 40))
	require.Equal(t, ms, shared(ms, 3), "0 would be no timeout")

	policy.Timeouts = []time.Duration{time.Second, time.Microsecond}
	require.ErrorContains(t, policy.validate(), "the least is 1ms")
	require.Error(t, LockPolicy{Pause: -1}.withDefaults().validate())
	require.Zero(t, jitter(0))
}

func TestPointsAreDistinct(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, point := range Points() {
		require.False(t, seen[point], point)
		seen[point] = true
	}
}
