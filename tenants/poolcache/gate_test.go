package poolcache

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var errTrouble = errors.New("trouble")

// manualClock only has a time.
type manualClock struct{ now time.Time }

func (c *manualClock) Now() time.Time { return c.now }

func (*manualClock) Ticker(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

// TestGateKeepsItsPromises has dials begin and end in any order, and checks what must hold for all of them.
func TestGateKeepsItsPromises(t *testing.T) {
	t.Parallel()
	impatient, cancel := context.WithCancel(context.Background())
	cancel()
	nop := zerolog.Nop()
	rapid.Check(t, func(t *rapid.T) {
		clock := &manualClock{now: time.Unix(0, 0)}
		g := &gate{node: "n", clock: clock, log: func() *zerolog.Logger { return &nop }, breaker: breaker{
			threshold: rapid.IntRange(1, 4).Draw(t, "threshold"),
			dials:     rapid.IntRange(1, 8).Draw(t, "dials"),
			min:       time.Second, max: 5 * time.Second, state: BreakerClosed,
		}}
		var out []pass
		end := func(t *rapid.T, o outcome) {
			if len(out) == 0 {
				t.Skip("nothing in flight")
			}
			i := rapid.IntRange(0, len(out)-1).Draw(t, "dial")
			p := out[i]
			out = append(out[:i], out[i+1:]...)
			before := g.breaker.state
			g.leave(p, o, errTrouble)
			if o == outcomeDown && (p.probe || before == BreakerSlowStart) {
				require.Equal(t, BreakerOpen, g.breaker.state)
			}
			if o == outcomeAlive && p.probe {
				require.NotEqual(t, BreakerOpen, g.breaker.state)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"dial": func(t *rapid.T) {
				refusal, limit := g.check(), g.breaker.limit()
				p, err := g.enter(impatient)
				switch {
				case refusal != nil:
					require.ErrorIs(t, err, ErrNodeDown)
				case err != nil:
					require.ErrorIs(t, err, context.Canceled, "it would have had to wait")
					require.GreaterOrEqual(t, len(out), limit)
				default:
					out = append(out, p)
				}
			},
			"succeed": func(t *rapid.T) { end(t, outcomeAlive) },
			"fail":    func(t *rapid.T) { end(t, outcomeDown) },
			"give up": func(t *rapid.T) { end(t, outcomeUnknown) },
			"wait": func(t *rapid.T) {
				clock.now = clock.now.Add(time.Duration(rapid.IntRange(0, 6000).Draw(t, "ms")) * time.Millisecond)
			},
			"": func(t *rapid.T) {
				probes := 0
				for _, p := range out {
					if p.probe {
						probes++
					}
				}
				b := g.breaker
				require.Equal(t, len(out), g.inFlight)
				require.LessOrEqual(t, probes, 1)
				require.Equal(t, b.state == BreakerProbing, probes == 1)
				require.LessOrEqual(t, b.limit(), b.dials)
				require.LessOrEqual(t, b.until.Sub(clock.now), b.max)
				if b.state == BreakerClosed {
					require.Less(t, b.failures, b.threshold)
				}
			},
		})
	})
}

func TestGateTurnsWaitersAwayWhenItOpens(t *testing.T) {
	t.Parallel()
	nop := zerolog.Nop()
	g := &gate{node: "n", clock: &manualClock{}, log: func() *zerolog.Logger { return &nop }, breaker: breaker{
		threshold: 1, dials: 1, min: time.Second, max: time.Second, state: BreakerClosed,
	}}
	p, err := g.enter(context.Background())
	require.NoError(t, err)
	waited := make(chan error, 1)
	go func() {
		_, err := g.enter(context.Background())
		waited <- err
	}()
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.queue.len() == 1
	}, 10*time.Second, time.Millisecond)
	g.leave(p, outcomeDown, errTrouble)
	require.ErrorIs(t, <-waited, ErrNodeDown)
	require.Zero(t, g.inFlight)
}
