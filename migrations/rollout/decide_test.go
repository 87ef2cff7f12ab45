package rollout_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/rollout"
)

// world is a rollout on paper: what the control database and the workers would do with decisions.
type world struct {
	t      *testing.T
	random *rand.Rand
	now    time.Time
	view   rollout.View
	// members[i] is a tenant; nothing of it is in the view but counts.
	members []member
	counted map[rollout.Failure]int
	bad     float64
}

type member struct {
	node  string
	wave  int
	state rollout.MemberState
}

func newWorld(t *testing.T, random *rand.Rand) *world {
	t.Helper()
	w := &world{t: t, random: random, now: time.Unix(0, 0), counted: map[rollout.Failure]int{}, bad: random.Float64() * random.Float64() * .5}
	waves := 1 + random.IntN(4)
	for range random.IntN(60) {
		w.members = append(w.members, member{node: fmt.Sprint("n", random.IntN(3)), wave: random.IntN(waves), state: rollout.Pending})
	}
	policy := rollout.Policy{
		Bake: []time.Duration{-1, time.Minute}[random.IntN(2)], Parallel: random.IntN(5), Gate: []string{"", "SELECT true"}[random.IntN(2)],
		MaxFailures: rollout.Failures{Count: random.IntN(4), Percent: float64(random.IntN(20))},
		OnError:     []rollout.OnError{rollout.PauseOnError, rollout.PauseOnError, rollout.ContinueOnError}[random.IntN(3)],
	}.WithDefaults()
	w.view = rollout.View{State: rollout.Running, Waves: waves, Policy: policy, Changing: len(w.members)}
	return w
}

// paced is the limit of nodes whose policy leaves it to them.
const paced = 3

func (w *world) parallel() int {
	if w.view.Policy.Parallel == 0 {
		return paced
	}
	return w.view.Policy.Parallel
}

// look fills the view's counts in, as the database does.
func (w *world) look() {
	loads := map[string]*rollout.NodeLoad{}
	w.view.Exceptions = 0
	for _, m := range w.members {
		l := loads[m.node]
		if l == nil {
			l = &rollout.NodeLoad{Node: m.node, Limit: paced}
			loads[m.node] = l
		}
		switch m.state {
		case rollout.Pending:
			if m.wave == w.view.Wave {
				l.Pending++
			}
		case rollout.Applying:
			l.Applying++
		case rollout.Done, rollout.SkippedUpToDate:
		case rollout.Failed, rollout.Waived, rollout.SkippedPinned, rollout.SkippedInactive, rollout.SkippedQuarantined, rollout.SkippedPreflight:
			w.view.Exceptions++
		}
	}
	w.view.Nodes, w.view.Failures = nil, nil
	for _, l := range loads {
		w.view.Nodes = append(w.view.Nodes, *l)
	}
	for f, n := range w.counted {
		f.Tenants = n
		w.view.Failures = append(w.view.Failures, f)
	}
}

func (w *world) count(wave int, states ...rollout.MemberState) int {
	n := 0
	for _, m := range w.members {
		for _, s := range states {
			if m.state == s && (wave < 0 || m.wave == wave) {
				n++
			}
		}
	}
	return n
}

// step decides once and carries it out; it says whether something was to be done.
func (w *world) step() bool {
	w.look()
	before := w.view.State
	d := rollout.Decide(w.view, w.now)
	if len(d.Begin) > 0 {
		require.Equal(w.t, rollout.Running, before, "somebody begins in state %s", before)
		require.Empty(w.t, d.To)
	}
	if d.Recall {
		for i, m := range w.members {
			if m.state == rollout.Applying && w.random.IntN(2) == 0 { // the other half runs
				w.members[i].state = rollout.Pending
			}
		}
	}
	for _, b := range d.Begin {
		w.begin(b)
	}
	if d.AskGate {
		require.NotEmpty(w.t, w.view.Policy.Gate)
		if w.random.IntN(4) == 0 {
			w.move(rollout.Paused, w.view.Wave)
			w.view.Reason = rollout.Gate
		} else {
			w.view.Gated = true
		}
		return true
	}
	if d.To == "" {
		return len(d.Begin) > 0
	}
	w.checkMove(before, d)
	if d.Wave != w.view.Wave {
		w.view.Gated = false
	}
	w.move(d.To, d.Wave)
	w.view.Reason = d.Reason
	return true
}

func (w *world) begin(b rollout.NodeLoad) {
	begun := 0
	for i, m := range w.members {
		if begun < b.Pending && m.node == b.Node && m.state == rollout.Pending && m.wave == w.view.Wave {
			w.members[i].state = rollout.Applying
			begun++
		}
	}
	require.Equal(w.t, b.Pending, begun, "more were to begin than there are")
	applying := 0
	for _, m := range w.members {
		if m.node == b.Node && m.state == rollout.Applying {
			applying++
		}
	}
	require.LessOrEqual(w.t, applying, w.parallel(), "too many at a time on one node")
}

func (w *world) move(to rollout.State, wave int) {
	if to == rollout.Baking && w.view.State != rollout.Baking {
		w.view.BakeUntil = w.now.Add(w.view.Policy.Bake)
	}
	w.view.State, w.view.Wave = to, wave
}

func (w *world) checkMove(from rollout.State, d rollout.Decision) {
	require.False(w.t, from.Final(), "it goes on after its end")
	if d.Wave != w.view.Wave {
		require.Equal(w.t, w.view.Wave+1, d.Wave)
		require.Zero(w.t, w.count(w.view.Wave, rollout.Pending), "a wave begins before the last one is over")
		require.Zero(w.t, w.count(-1, rollout.Applying))
		require.Less(w.t, d.Wave, w.view.Waves)
		if w.view.Policy.Bake > 0 && len(w.members) > 0 {
			require.False(w.t, w.now.Before(w.view.BakeUntil), "a wave begins before the last one is baked")
			require.Equal(w.t, rollout.Baking, from)
		}
		if w.view.Policy.Gate != "" {
			require.True(w.t, w.view.Gated, "nobody asked the gate")
		}
	}
	switch d.To {
	case rollout.Running, rollout.Baking, rollout.Aborting:
	case rollout.Completed:
		require.Equal(w.t, len(w.members), w.count(-1, rollout.Done))
	case rollout.CompletedWithExceptions:
		require.Zero(w.t, w.count(-1, rollout.Pending, rollout.Applying))
		require.Less(w.t, w.count(-1, rollout.Done), len(w.members))
	case rollout.Aborted:
		require.Zero(w.t, w.count(-1, rollout.Applying))
	case rollout.Paused:
		require.NotEmpty(w.t, d.Reason)
		require.NotEmpty(w.t, d.Detail)
		require.Equal(w.t, rollout.PauseOnError, w.view.Policy.OnError)
	}
}

// end lets one tenant that is under way end.
func (w *world) end() {
	for _, i := range w.random.Perm(len(w.members)) {
		if w.members[i].state != rollout.Applying {
			continue
		}
		if w.random.Float64() < w.bad {
			w.members[i].state = rollout.Failed
			w.counted[rollout.Failure{Code: fmt.Sprint("E", w.random.IntN(5)), Statement: "1.sql:1"}]++
		} else {
			w.members[i].state = rollout.Done
		}
		return
	}
}

// person decides something that the doors would let through.
func (w *world) person() {
	switch w.random.IntN(20) {
	case 0:
		if w.view.State == rollout.Running || w.view.State == rollout.Baking {
			w.view.State, w.view.Reason = rollout.Paused, rollout.Manual
		}
	case 1:
		w.view.AbortAsked = w.random.IntN(4) == 0
	case 2: // retry
		for i, m := range w.members {
			if m.state == rollout.Failed && !w.view.State.Final() {
				w.members[i].state, w.members[i].wave = rollout.Pending, w.view.Wave
			}
		}
	}
}

func (w *world) resume() {
	w.counted = map[rollout.Failure]int{}
	w.view.Gated = w.view.Reason == rollout.Gate
	w.view.State, w.view.Reason = rollout.Running, ""
	if w.view.Policy.Bake > 0 && w.count(w.view.Wave, rollout.Pending) == 0 && w.count(-1, rollout.Applying) == 0 {
		w.view.State = rollout.Baking
	}
}

// Whatever happens, the rules hold and the rollout comes to an end.
func TestDecideHolds(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	ends := map[rollout.State]int{}
	for run := range uint64(2000) {
		w := newWorld(t, rand.New(rand.NewPCG(seed, run)))
		for turn := 0; !w.view.State.Final(); turn++ {
			require.Less(t, turn, 5000, "it does not end: %+v", w.view)
			for w.step() {
				require.Equal(t, len(w.members), w.count(-1, rollout.MemberStates()...), "a tenant is lost")
			}
			switch {
			case w.count(-1, rollout.Applying) > 0:
				w.end()
			case w.view.State == rollout.Baking:
				w.now = w.now.Add(30 * time.Second)
			case w.view.State == rollout.Paused:
				w.resume()
			}
			if turn < 200 {
				w.person()
			}
		}
		require.False(t, w.step(), "it goes on after its end")
		ends[w.view.State]++
	}
	for _, s := range []rollout.State{rollout.Completed, rollout.CompletedWithExceptions, rollout.Aborted} {
		require.Positive(t, ends[s], "no run ended %s: the test shows too little", s)
	}
}

// No more tenants fail than the policy allows, plus those that were under way when the last one failed.
func TestDecideBoundsTheDamage(t *testing.T) {
	t.Parallel()
	for run := range uint64(2000) {
		w := newWorld(t, rand.New(rand.NewPCG(7, run)))
		if w.view.Policy.OnError == rollout.ContinueOnError {
			continue
		}
		w.bad = 1 // a release that fits nobody, each time in one way
		for !w.view.State.Final() && w.view.State != rollout.Paused {
			for w.step() {
				if w.view.State == rollout.Paused && w.view.Reason == rollout.Gate {
					w.resume()
				}
			}
			w.end()
			if w.view.State == rollout.Baking {
				w.now = w.now.Add(time.Hour)
			}
		}
		for w.count(-1, rollout.Applying) > 0 {
			w.end()
		}
		nodes := 3
		require.LessOrEqual(t, w.count(-1, rollout.Failed), max(2, w.view.Policy.MaxFailures.Count+1, 1+len(w.members)*int(w.view.Policy.MaxFailures.Percent)/100)+w.parallel()*nodes)
	}
}

func TestDecideByHand(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	policy := rollout.Policy{Parallel: 4}.WithDefaults()
	for name, z := range map[string]struct {
		view rollout.View
		want rollout.Decision
	}{
		"nobody to change": {
			rollout.View{State: rollout.Running, Waves: 1, Policy: policy},
			rollout.Decision{To: rollout.Completed},
		},
		"a node is filled up": {
			rollout.View{State: rollout.Running, Waves: 4, Policy: policy, Changing: 100, Nodes: []rollout.NodeLoad{{"a", 10, 3, 0}, {"b", 0, 2, 0}, {"c", 2, 0, 0}}},
			rollout.Decision{Begin: []rollout.NodeLoad{{Node: "a", Pending: 1}, {Node: "c", Pending: 2}}},
		},
		"one failure in the first wave": {
			rollout.View{State: rollout.Running, Waves: 4, Policy: policy, Changing: 100, Nodes: []rollout.NodeLoad{{"a", 1, 1, 0}}, Failures: []rollout.Failure{{"22012", "2.sql:4", 1}}},
			rollout.Decision{To: rollout.Paused, Reason: rollout.Budget, Recall: true, Detail: "1 tenants failed, 0 may in wave 1 of 4; the last way: 22012 at 2.sql:4"},
		},
		"two different failures later": {
			rollout.View{State: rollout.Running, Wave: 1, Waves: 4, Policy: policy, Changing: 100, Nodes: []rollout.NodeLoad{{"a", 0, 1, 0}}, Failures: []rollout.Failure{{"22012", "2.sql:4", 1}, {"23505", "3.sql:1", 1}}},
			rollout.Decision{},
		},
		"two of one kind": {
			rollout.View{State: rollout.Running, Wave: 3, Waves: 4, Policy: policy, Changing: 1000, Nodes: []rollout.NodeLoad{{"a", 5, 1, 0}}, Failures: []rollout.Failure{{"22012", "2.sql:4", 2}}},
			rollout.Decision{To: rollout.Paused, Wave: 3, Reason: rollout.Systemic, Recall: true, Detail: "2 tenants failed in the same way: 22012 at 2.sql:4"},
		},
		"a wave is over": {
			rollout.View{State: rollout.Running, Waves: 4, Policy: policy, Changing: 100},
			rollout.Decision{To: rollout.Baking},
		},
		"baked": {
			rollout.View{State: rollout.Baking, Waves: 4, Policy: policy, Changing: 100, BakeUntil: now},
			rollout.Decision{To: rollout.Running, Wave: 1},
		},
		"not yet baked": {
			rollout.View{State: rollout.Baking, Waves: 4, Policy: policy, Changing: 100, BakeUntil: now.Add(1)},
			rollout.Decision{},
		},
		"paused": {
			rollout.View{State: rollout.Paused, Waves: 4, Policy: policy, Changing: 100, Nodes: []rollout.NodeLoad{{"a", 5, 0, 0}}},
			rollout.Decision{},
		},
		"its operation is cancelled": {
			rollout.View{State: rollout.Paused, Wave: 1, Waves: 4, Policy: policy, AbortAsked: true},
			rollout.Decision{To: rollout.Aborting, Wave: 1, Recall: true, Detail: "its operation was cancelled"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, z.want, rollout.Decide(z.view, now))
		})
	}
}
