package execute

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
)

func TestRestAfterABatch(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	require.Equal(t, 14*ms, restAfter(100*ms, 2*ms), "a disk that keeps up costs next to nothing")
	require.Equal(t, 855*ms, restAfter(550*ms, 400*ms), "one that does not gets the time")
}

// A replica is as far behind as the oldest is old that it lacks, whatever it says itself.
func TestLag(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	at := func(seconds int) time.Time { return begun.Add(time.Duration(seconds) * time.Second) }
	good, slow := Replica{PID: 1, Name: "good"}, Replica{PID: 2, Name: "slow"}
	var l lag
	see := func(second int, written, goodAt, slowAt uint64) (string, time.Duration) {
		good.Replayed, slow.Replayed = goodAt, slowAt
		s := Standing{Written: written, Replicas: []Replica{good, slow}, MaxLag: 500 * time.Millisecond}
		l.note(at(second), s)
		worst, behind := l.worst(at(second), s)
		return worst.Name, behind
	}
	for _, look := range []struct {
		second              int
		written, good, slow uint64
		worst               string
		behind              time.Duration
		marks               int
	}{
		{second: 0, written: 100, good: 100, slow: 90, marks: 1},                                    // how old what it lacks is, nobody knows
		{second: 1, written: 200, good: 190, slow: 100, marks: 1},                                   // it has what was written at 0
		{second: 2, written: 300, good: 300, slow: 100, worst: "slow", behind: time.Second},         // and lacks what was written at 1
		{second: 9, written: 300, good: 300, slow: 150, worst: "slow", behind: 8 * time.Second},     // a half of it is none
		{second: 10, written: 300, good: 300, slow: 200, worst: "slow", behind: 8 * time.Second},    // what was written at 2
		{second: 11, written: 300, good: 300, slow: 300, marks: 1},                                  // it is there
		{second: 3600, written: 300, good: 300, slow: 300, marks: 1},                                // nothing is written: nobody is behind
		{second: 3601, written: 400, good: 300, slow: 300, marks: 1},                                // just now
		{second: 3631, written: 400, good: 300, slow: 400, worst: "good", behind: 30 * time.Second}, // the other one
	} {
		worst, behind := see(look.second, look.written, look.good, look.slow)
		require.Equal(t, look.worst, worst, "second %d", look.second)
		require.Equal(t, look.behind, behind, "second %d", look.second)
		if look.marks > 0 {
			require.Len(t, l.marks, look.marks, "second %d: what nobody lacks is forgotten", look.second)
		}
	}
	// Whoever was waited for in vain is not waited for until it has caught up once.
	l.excuse(good)
	worst, _ := see(3640, 500, 300, 500)
	require.Empty(t, worst)
	worst, _ = see(3641, 500, 500, 500)
	require.Empty(t, worst)
	see(3642, 600, 500, 600)
	worst, behind := see(3650, 600, 500, 600)
	require.Equal(t, "good", worst)
	require.Equal(t, 8*time.Second, behind)
}

// A replica that does not move although nothing is filled does not stop a change for good.
func TestNobodyIsAwaitedForEver(t *testing.T) {
	t.Parallel()
	looks := 0
	var told string
	s := session{opts: Options{
		Replicas: func(context.Context) (Standing, error) {
			looks++
			return Standing{Written: 100, Replicas: []Replica{{PID: 1, Name: "stuck", Replayed: 50}}, MaxLag: time.Millisecond}, nil
		},
		Progress:    func(_, _ int64, what string) { told = what },
		lagPatience: 1500 * time.Millisecond,
	}.withDefaults()}
	step := ddl.Step{Kind: ddl.StepFill, Table: "d_0001"}
	wait := func() time.Duration {
		begun := time.Now()
		s.lagLooked = time.Time{}
		require.NoError(t, s.awaitReplicas(t.Context(), step))
		return time.Since(begun)
	}
	require.Less(t, wait(), time.Second, "how far behind it is, nobody knows yet")
	<-time.After(2 * time.Millisecond)
	require.Greater(t, wait(), time.Second)
	require.Contains(t, told, "fill rows of d_0001: waits for replica stuck, ")
	require.Len(t, s.result.Notes, 1)
	require.Contains(t, s.result.Notes[0], "replica stuck stayed ")
	require.Less(t, wait(), time.Second)
	require.Equal(t, 6, looks)

	s.lag.excused = nil
	s.opts.Pause = func() bool { return true }
	s.lagLooked = time.Time{}
	require.ErrorIs(t, s.awaitReplicas(t.Context(), step), ErrPaused, "a person can stop it meanwhile")
}
