package poolcache

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// outcome is what a dial says about its node.
type outcome int

const (
	outcomeUnknown outcome = iota // it was given up
	outcomeAlive                  // the node answered
	outcomeDown
)

// pass is a place among the dials in flight. Its zero value is none.
type pass struct {
	held  bool
	probe bool // its outcome decides whether the breaker opens again
}

// gate lets dials through to one node: as many at once as its breaker allows, first come first served.
type gate struct {
	node  string
	clock Clock
	log   func() *zerolog.Logger

	mu       sync.Mutex
	breaker  breaker
	inFlight int
	queue    queue
}

// check returns a [NodeDownError] when enter would.
func (g *gate) check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refusal()
}

// refusal is check with g.mu held.
func (g *gate) refusal() error {
	after := g.breaker.refusal(g.clock.Now())
	if after <= 0 {
		return nil
	}
	return &NodeDownError{Node: g.node, RetryAfter: after, Cause: g.breaker.cause}
}

// enter takes a place among the dials in flight, waiting for it while the breaker is not open. The caller must give
// the pass to leave.
func (g *gate) enter(ctx context.Context) (pass, error) {
	g.mu.Lock()
	if err := g.refusal(); err != nil {
		g.mu.Unlock()
		return pass{}, err
	}
	if g.breaker.state == BreakerOpen {
		g.breaker.probe()
		g.inFlight++
		g.mu.Unlock()
		return pass{held: true, probe: true}, nil
	}
	if g.queue.empty() && g.inFlight < g.breaker.limit() {
		g.inFlight++
		g.mu.Unlock()
		return pass{held: true}, nil
	}
	w := g.queue.push()
	g.mu.Unlock()

	err := w.wait(ctx)
	if err == nil {
		return pass{held: true}, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.queue.remove(w) && w.err == nil { // let through at the last moment
		g.inFlight--
		g.admit()
	}
	return pass{}, err
}

// leave gives a pass back and says what became of the dial. Without a pass (the host's name did not resolve) only the
// outcome counts.
func (g *gate) leave(p pass, o outcome, cause error) {
	g.mu.Lock()
	if p.held {
		g.inFlight--
	}
	before := g.breaker.state
	g.record(p, o, cause)
	after := g.breaker.state
	g.admit()
	g.mu.Unlock()
	if after != before {
		g.tell(before, after, cause)
	}
}

// record tells the breaker. What was dialled before it opened says nothing about the node as it is now: then only the
// probe counts. g.mu must be held.
func (g *gate) record(p pass, o outcome, cause error) {
	b := &g.breaker
	if !p.probe && (b.state == BreakerOpen || b.state == BreakerProbing) {
		return
	}
	switch {
	case o == outcomeAlive:
		b.succeeded()
	case o == outcomeDown:
		b.failed(g.clock.Now(), cause)
	case p.probe:
		b.inconclusive(g.clock.Now())
	}
}

// admit lets waiting dials through, or turns all of them away when the breaker is open. g.mu must be held.
func (g *gate) admit() {
	if err := g.refusal(); err != nil {
		for w := g.queue.front(); w != nil; w = g.queue.front() {
			g.queue.fail(w, err)
		}
		return
	}
	for w := g.queue.front(); w != nil && g.inFlight < g.breaker.limit(); w = g.queue.front() {
		g.inFlight++
		g.queue.grant(w)
	}
}

func (g *gate) tell(before, after BreakerState, cause error) {
	level := zerolog.InfoLevel
	if after == BreakerOpen {
		level = zerolog.WarnLevel
	}
	g.log().WithLevel(level).Str("node", g.node).Str("from", string(before)).Str("to", string(after)).
		AnErr("cause", cause).Msg("node breaker changed")
}

// state returns the breaker's state, for how long it refuses dials, and the dials in flight.
func (g *gate) state() (state BreakerState, refusal time.Duration, inFlight int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.breaker.state, g.breaker.refusal(g.clock.Now()), g.inFlight
}
