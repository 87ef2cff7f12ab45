package execute

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// When a fill takes the server's disk to be overloaded, and what it does then.
const (
	// diskLeast is what a small commit may take on any disk.
	diskLeast = 25 * time.Millisecond
	// diskSlack is how many times as long as usual a small commit may take.
	diskSlack = 3
	// diskMemory is how far back the usual goes. When commits have been slow for as long, with hardly anything filled, it is not the fill that makes them slow.
	diskMemory = time.Minute
	// diskLook is how long to wait before the next look.
	diskLook = 50 * time.Millisecond
	// diskPatience is how long to wait between two batches at most: a fill comes to its end on any disk.
	diskPatience = 10 * time.Second
	// diskTold is how long to wait before that is told.
	diskTold = 2 * time.Second
)

// disk knows what commits take on the server's disk.
type disk struct {
	// look makes a small one and tells what it took.
	look func(ctx context.Context) (time.Duration, error)
	// seen are the commits of the last diskMemory, the newest last.
	seen []flushed
}

type flushed struct {
	at   time.Time
	took time.Duration
}

// note keeps what a commit took.
func (d *disk) note(now time.Time, took time.Duration) {
	d.seen = append(d.seen, flushed{now, took})
	d.seen = slices.DeleteFunc(d.seen, func(f flushed) bool { return now.Sub(f.at) > diskMemory })
}

// keepsUp reports whether a commit that took that long is nothing out of the usual.
func (d *disk) keepsUp(took time.Duration) bool {
	if len(d.seen) == 0 {
		return false
	}
	usual := slices.MinFunc(d.seen, func(a, b flushed) int { return cmp.Compare(a.took, b.took) }).took
	return took <= max(diskLeast, diskSlack*usual)
}

// awaitDisk waits between batches while the server's disk does not keep up, which a small commit tells: it takes as long as one of the application's. Batches
// that went on would only make what waits for the disk longer. The commit of the last batch tells it as well when it was fast; 0 is that there was none.
func (s *session) awaitDisk(ctx context.Context, step ddl.Step, last time.Duration) error {
	if last > 0 && s.disk.keepsUp(last) {
		s.disk.note(time.Now(), last)
		return nil
	}
	for begun := time.Now(); ; {
		took, err := s.disk.look(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		s.disk.note(now, took)
		waited := now.Sub(begun)
		if s.disk.keepsUp(took) || waited >= diskPatience {
			return nil
		}
		if waited >= diskTold {
			s.opts.Progress(s.change.rows, max(step.Rows, s.change.rows), fmt.Sprintf("%s: waits for the disk, a commit takes %s", s.title(step), took.Round(time.Millisecond)))
		}
		if s.pauseAsked() {
			return ErrPaused
		}
		if err := rest(ctx, max(diskLook, took)); err != nil {
			return fmt.Errorf("wait for the disk: %w", err)
		}
	}
}

// flush is the smallest transaction whose commit waits for the disk: one that writes no WAL of its own does not. What it writes is for nobody.
var flush = gentle.Command{SQL: "SELECT pg_logical_emit_message(true, 'tenantry', '')"}

// smallCommit is how long one took; 0 where the server refuses it, for the fill does not depend on it.
func (s *session) smallCommit(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	_, err := s.Do(ctx, "look at the disk", flush)
	switch {
	case err == nil:
		return time.Since(begun), nil
	case gentle.IsRefusal(err):
		return 0, nil
	default:
		return 0, err
	}
}
