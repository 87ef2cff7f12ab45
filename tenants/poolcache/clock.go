package poolcache

import "time"

// Clock tells the cache the time. Tests inject their own.
type Clock interface {
	// Now is the current time. Only differences matter.
	Now() time.Time
	// Ticker sends the time every d, dropping ticks that nobody takes, until stop is called.
	Ticker(d time.Duration) (ticks <-chan time.Time, stop func())
}

// tick is the grain of the coarse clock that stamps uses of entries, and how often upkeep runs. Reading the system's
// clock on every hit would double the cost of one.
const tick = 100 * time.Millisecond

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Ticker(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}
