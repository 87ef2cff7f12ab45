package timetable

import "time"

// Missed says what becomes of times that were missed, because no worker was there for example.
type Missed string

const (
	// Once makes up for the newest of them.
	Once Missed = "once"
	// Each makes up for all of them.
	Each Missed = "each"
	// Never makes up for none that is older than [Late].
	Never Missed = "never"
)

// Late is how old a time is that counts as missed.
const Late = 10 * time.Minute

// Split divides times that are due, the oldest first, into those that something is done for and those that are recorded as missed. more says that newer ones follow.
func (m Missed) Split(due []time.Time, more bool, now time.Time) (do, missed []time.Time) {
	last := len(due) - 1
	for i, at := range due {
		switch {
		case m == Each, m == Once && i == last && !more, m == Never && now.Sub(at) <= Late:
			do = append(do, at)
		default:
			missed = append(missed, at)
		}
	}
	return do, missed
}
