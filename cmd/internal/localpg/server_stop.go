package localpg

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// StopMode says how a server ends.
type StopMode int

const (
	// Fast disconnects the clients, writes a checkpoint and ends cleanly.
	Fast StopMode = iota
	// Immediate ends at once, as in a crash; the next start recovers.
	Immediate
)

// String is "fast" or "immediate".
func (m StopMode) String() string {
	if m == Immediate {
		return "immediate"
	}
	return "fast"
}

// immediateGrace is how long an immediate stop may take before the processes are killed. PostgreSQL itself waits five seconds
// for its backends.
const immediateGrace = 10 * time.Second

// Stop ends the server and gives the directory free. It returns when the last process is gone. When the context ends first, a
// fast stop becomes an immediate one; the server is stopped then too, and the error says so. Stopping twice is safe.
func (s *Server) Stop(ctx context.Context, mode StopMode) error {
	s.op.Lock()
	defer s.op.Unlock()
	defer s.release()
	began := time.Now()
	if err := s.halt(ctx, mode); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	s.log.Debug().Stringer("mode", mode).Dur("duration_ms", time.Since(began)).Msg("PostgreSQL is stopped")
	return nil
}

// Kill is a crash: every process of the server gets SIGKILL, in the middle of whatever it does. It returns when they are gone,
// and gives the directory free.
func (s *Server) Kill(ctx context.Context) error {
	s.op.Lock()
	defer s.op.Unlock()
	defer s.release()
	r := s.expectEnd()
	if r == nil || len(s.locks) == 0 {
		return nil
	}
	r.signal(syscall.SIGKILL)
	<-r.exited
	if err := s.killAll(ctx); err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	return nil
}

// Restart runs the server again on the same port, after a fast stop if it still runs. It also brings back a server that was
// stopped, killed or ended by itself. The context bounds the call.
func (s *Server) Restart(ctx context.Context) error {
	s.op.Lock()
	defer s.op.Unlock()
	if err := s.halt(ctx, Fast); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w", err)
	}
	if err := s.startAgain(ctx); err != nil {
		s.release()
		return fmt.Errorf("restart PostgreSQL: %w", err)
	}
	return nil
}

func (s *Server) startAgain(ctx context.Context) error {
	dirs := []string{s.place.dir}
	if s.place.relocated() {
		dirs = append(dirs, s.place.base)
	}
	if len(s.locks) == 0 {
		for _, dir := range dirs {
			held, err := LockDir(dir)
			if err != nil {
				return err
			}
			s.locks = append(s.locks, held)
		}
	}
	if err := stopLeftovers(ctx, s.place.dataDir(), s.log); err != nil {
		return err
	}
	s.mu.Lock()
	if s.failure != nil {
		s.failure, s.done = nil, make(chan struct{})
	}
	s.mu.Unlock()
	return s.launch(ctx)
}

// expectEnd makes the coming end an expected one. It returns nil when there never was a run.
func (s *Server) expectEnd() *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		s.run.unexpected = false
	}
	return s.run
}

// halt ends the current run, if any. It always gets there: by a fast stop if that is the mode, then by an immediate one, then by
// SIGKILL. Without the lock it does nothing, because the processes of the directory may be another owner's by now. The caller
// holds op.
func (s *Server) halt(ctx context.Context, mode StopMode) error {
	r := s.expectEnd()
	if r == nil || len(s.locks) == 0 {
		return nil
	}
	var cut error
	if mode == Fast {
		r.signal(syscall.SIGINT)
		select {
		case <-r.exited:
			return s.killAll(ctx)
		case <-ctx.Done():
			cut = fmt.Errorf("fast stop became an immediate one: %w", context.Cause(ctx))
		}
	}

	r.signal(syscall.SIGQUIT)
	grace := time.NewTimer(immediateGrace)
	defer grace.Stop()
	select {
	case <-r.exited:
	case <-grace.C:
		r.signal(syscall.SIGKILL)
		<-r.exited
	}
	return errors.Join(cut, s.killAll(context.WithoutCancel(ctx)))
}

// killAll ends the backends of a dead postmaster, which would otherwise notice at their own pace. After an orderly stop there are
// none.
func (s *Server) killAll(ctx context.Context) error {
	for {
		left, err := processesOf(s.place.dataDir())
		if err != nil || left.empty() {
			return err
		}
		if err := left.signal(syscall.SIGKILL); err != nil {
			return err
		}
		if gone, err := waitGone(ctx, s.place.dataDir(), time.Second); err != nil || gone {
			return err
		}
	}
}
