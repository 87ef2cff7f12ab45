package poolcache

import (
	"math/rand/v2"
	"time"
)

// BreakerState is where a node's breaker stands.
type BreakerState string

// The states of a breaker.
const (
	// BreakerClosed lets dials through.
	BreakerClosed BreakerState = "closed"
	// BreakerOpen lets none through until its time is up.
	BreakerOpen BreakerState = "open"
	// BreakerProbing lets one dial through and waits for what becomes of it.
	BreakerProbing BreakerState = "probing"
	// BreakerSlowStart lets dials through, twice as many at once with every success.
	BreakerSlowStart BreakerState = "slow start"
)

// breaker decides how many dials a node may get at once. It is pure: it does not wait, lock or read a clock.
type breaker struct {
	threshold int           // failures in a row that open it
	min, max  time.Duration // how long it stays open
	dials     int           // allowance when closed

	state     BreakerState
	allowance int           // dials at once in BreakerSlowStart
	failures  int           // in a row, while closed
	pause     time.Duration // how long it stayed open last; 0 once closed
	until     time.Time     // when BreakerOpen ends
	cause     error         // what opened it
}

// limit returns how many dials may be in flight.
func (b *breaker) limit() int {
	switch b.state {
	case BreakerOpen:
		return 0
	case BreakerProbing:
		return 1
	case BreakerSlowStart:
		return b.allowance
	case BreakerClosed:
	}
	return b.dials
}

// refusal returns how long a dial that asks now has to stay away; 0 means it may go ahead, as the probe when the
// breaker is open.
func (b *breaker) refusal(now time.Time) time.Duration {
	switch b.state {
	case BreakerOpen:
		return max(0, b.until.Sub(now))
	case BreakerProbing:
		return b.min
	case BreakerClosed, BreakerSlowStart:
	}
	return 0
}

// probe turns an open breaker whose time is up to BreakerProbing.
func (b *breaker) probe() { b.state = BreakerProbing }

// succeeded records that the node accepted a connection, or refused it for reasons of the tenant's.
func (b *breaker) succeeded() {
	switch b.state {
	case BreakerProbing:
		b.state, b.allowance = BreakerSlowStart, 1
	case BreakerSlowStart:
		b.allowance *= 2
	case BreakerClosed:
		b.failures = 0
	case BreakerOpen:
	}
	if b.state == BreakerSlowStart && b.allowance >= b.dials {
		b.state, b.failures, b.pause, b.cause = BreakerClosed, 0, 0, nil
	}
}

// failed records that the node is in trouble.
func (b *breaker) failed(now time.Time, cause error) {
	b.failures++
	if b.state == BreakerClosed && b.failures < b.threshold {
		return
	}
	b.pause = min(max(2*b.pause, b.min), b.max)
	b.open(now.Add(jitter(b.pause)), cause)
}

// inconclusive records that a probe came to nothing: the next dial probes again.
func (b *breaker) inconclusive(now time.Time) { b.open(now, b.cause) }

func (b *breaker) open(until time.Time, cause error) {
	b.state, b.until, b.cause = BreakerOpen, until, cause
}

// jitter returns d less up to a quarter of it.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/4+1)
}
