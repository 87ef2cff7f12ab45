package execute

import "time"

// How many rows a batch of a fill has: the first, and the limits between which its time decides.
const (
	firstBatch = 1000
	leastBatch = 10
	mostBatch  = 50_000
)

// How long a fill rests after a batch: others get their turn.
const (
	// fillPause is that as a share of what the batch took.
	fillPause = 10
	// diskPause is that as a multiple of what its commit took. A disk that keeps up takes a commit in milliseconds, and then this is next to nothing; one that
	// does not keeps the application's commits waiting as long as ours, and gets time to write what is there.
	diskPause = 2
)

// nextSize aims at the time that a batch should take, and does not jump.
func nextSize(size, rows int64, took, want time.Duration) int64 {
	if rows < size { // the last one, which tells nothing
		return size
	}
	next := int64(float64(rows) * float64(want) / float64(max(took, time.Millisecond)))
	next = min(max(next, size/2), size*2)
	return min(max(next, leastBatch), mostBatch)
}

// restAfter is how long to rest after a batch whose statement and commit took that long together, and of that the commit.
func restAfter(took, commit time.Duration) time.Duration {
	return took/fillPause + diskPause*commit
}
