package execute

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/avenit/tenantry/migrations/ddl"
)

// Standing is how far a server and its replicas are, as positions in the server's WAL.
type Standing struct {
	Written  uint64
	Replicas []Replica
	// MaxLag is how far behind one may be; 0 is that nobody is waited for.
	MaxLag time.Duration
}

// Replica is one that streams from the server.
type Replica struct {
	// PID of the process that sends to it, which tells two of the same name apart.
	PID int
	// Name is its application_name, for people.
	Name string
	// Replayed is up to where queries there see what was written.
	Replayed uint64
}

// lag knows when what was written, and so how long ago that was which a replica has replayed last. PostgreSQL's own replay_lag stands still while a replica hangs.
type lag struct {
	marks []mark // the newest last
	// excused are those that stayed behind although nothing was filled, until they have caught up once.
	excused map[int]bool
}

// mark says what was written by a time.
type mark struct {
	at      time.Time
	written uint64
}

// note keeps what is written now.
func (l *lag) note(now time.Time, s Standing) {
	if len(l.marks) == 0 || s.Written > l.marks[len(l.marks)-1].written {
		l.marks = append(l.marks, mark{now, s.Written})
	}
	least := s.Written
	for _, r := range s.Replicas {
		least = min(least, r.Replayed)
	}
	// The mark before the first that somebody lacks is of no use any more, nor is any older one.
	lacking := slices.IndexFunc(l.marks, func(m mark) bool { return m.written > least })
	if lacking < 0 {
		lacking = len(l.marks) - 1
	}
	l.marks = slices.Delete(l.marks, 0, max(0, lacking))
}

// behind is how long ago the oldest was written that a replica has not replayed, as far as is known: since the first note.
func (l *lag) behind(now time.Time, r Replica) time.Duration {
	for _, m := range l.marks {
		if m.written > r.Replayed {
			return now.Sub(m.at)
		}
	}
	return 0
}

// worst is the replica that is furthest behind of those that are too far behind and not excused; behind is 0 when there is none.
func (l *lag) worst(now time.Time, s Standing) (worst Replica, behind time.Duration) {
	for _, r := range s.Replicas {
		d := l.behind(now, r)
		switch {
		case d <= s.MaxLag:
			delete(l.excused, r.PID)
		case !l.excused[r.PID] && d > behind:
			worst, behind = r, d
		}
	}
	return worst, behind
}

func (l *lag) excuse(r Replica) {
	if l.excused == nil {
		l.excused = map[int]bool{}
	}
	l.excused[r.PID] = true
}

const (
	// lagLook is how often a fill looks at the replicas, and how long it waits for them at a time.
	lagLook = time.Second
	// lagPatience is how long a fill waits for a replica at a time. One that is still behind then, with nothing filled, has other reasons, or is delayed on
	// purpose.
	lagPatience = 5 * time.Minute
)

// awaitReplicas waits between batches while a replica is too far behind: who reads there would see an older and older state, and a failover would lose time.
func (s *session) awaitReplicas(ctx context.Context, step ddl.Step) error {
	if s.opts.Replicas == nil || time.Since(s.lagLooked) < lagLook {
		return nil
	}
	for begun := time.Now(); ; {
		now := time.Now()
		s.lagLooked = now
		standing, err := s.opts.Replicas(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("look at the replicas: %w", ctx.Err())
			}
			return nil // the fill does not depend on it: whoever answers says why it could not
		}
		s.lag.note(now, standing)
		replica, behind := s.lag.worst(now, standing)
		if behind == 0 || standing.MaxLag <= 0 {
			return nil
		}
		if now.Sub(begun) >= s.opts.lagPatience {
			s.lag.excuse(replica)
			s.result.Notes = append(s.result.Notes,
				fmt.Sprintf("replica %s stayed %s behind although nothing was filled for %s: rows were filled without waiting for it", replica.Name, behind.Round(time.Second), s.opts.lagPatience))
			begun = now
			continue
		}
		s.opts.Progress(s.change.rows, max(step.Rows, s.change.rows), fmt.Sprintf("%s: waits for replica %s, %s behind", s.title(step), replica.Name, behind.Round(time.Second)))
		if s.pauseAsked() {
			return ErrPaused
		}
		if err := rest(ctx, lagLook); err != nil {
			return fmt.Errorf("wait for replica %s: %w", replica.Name, err)
		}
	}
}
