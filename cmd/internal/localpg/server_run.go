package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// launch runs the server on s.port and returns when it answers. If it does not, nothing of it is left running.
func (s *Server) launch(ctx context.Context) error {
	began := time.Now()
	if err := removeStalePID(s.place.dataDir()); err != nil {
		return err
	}
	if err := writeFile(s.place.serverConf(), s.cfg.serverConf(s.place.dataDir()), 0o644); err != nil {
		return err
	}
	logFile, logBegin, err := openLog(s.place.logFile())
	if err != nil {
		return err
	}
	defer logFile.Close() //nolint:errcheck // the server has its own descriptor

	// The server outlives this call, so it must not hear of the context's end.
	cmd := s.place.account.command(context.WithoutCancel(ctx), syscall.SIGQUIT, s.place.base,
		s.bin.Path("postgres"), s.arguments()...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	r, err := launch(cmd, s.onExit)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.run = r
	s.mu.Unlock()

	if err := s.awaitReady(ctx, r); err != nil {
		stopErr := s.halt(context.WithoutCancel(ctx), Immediate)
		tail := readTail(s.place.logFile(), logBegin)
		if isPortTaken(tail) {
			err = fmt.Errorf("listen on port %d: %w", s.port, errPortTaken)
		}
		return errors.Join(fmt.Errorf("%w%s", err, indentTail(tail)), stopErr)
	}
	s.expectToRun(r)
	s.log.Info().Int("port", s.port).Int("pid", r.pid).Str("version", s.bin.Version).
		Stringer("durability", s.cfg.Durability).Dur("duration_ms", time.Since(began)).Msg("PostgreSQL is ready")
	return nil
}

// arguments that make the server this cluster and no other; everything that may be changed is in server.conf.
func (s *Server) arguments() []string {
	return append(postmasterArguments(s.place.dataDir()),
		"-c", "config_file="+s.place.serverConf(),
		"-c", "listen_addresses="+loopback,
		"-c", "port="+strconv.Itoa(s.port),
		"-c", "unix_socket_directories=",
	)
}

// isPortTaken recognises PostgreSQL's message; lc_messages keeps it in English.
func isPortTaken(log []byte) bool {
	return bytes.Contains(log, []byte("could not bind IPv4 address")) && bytes.Contains(log, []byte("Address already in use"))
}

// onExit runs once at the end of each life of the server.
func (s *Server) onExit(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.gone = true
	if r.unexpected {
		s.fail(r)
	}
}

// expectToRun makes the end of a run unexpected from now on.
func (s *Server) expectToRun(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.unexpected = true
	if r.gone {
		s.fail(r)
	}
}

// fail publishes an unexpected end. The caller holds mu.
func (s *Server) fail(r *run) {
	how := r.ending()
	s.failure = fmt.Errorf("PostgreSQL ended by itself (%s), see %s", how, s.place.logFile())
	s.log.Error().Int("pid", r.pid).Str("reason", how).Msg("PostgreSQL ended by itself")
	close(s.done)
}

// refusalsBeforeError is how often a password may be refused before it counts as wrong and not as somebody else's server that
// was faster on the port, which our own server is about to find out.
const refusalsBeforeError = 20

// awaitReady returns when a real connection works.
func (s *Server) awaitReady(ctx context.Context, r *run) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StartTimeout)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for refusals := 0; ; {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		if answer := (*pgconn.PgError)(nil); errors.As(err, &answer) && answer.Code == pgerrcode.InvalidPassword {
			if refusals++; refusals == refusalsBeforeError {
				return fmt.Errorf("log in with the password in %s: %w", s.place.passwordFile(), err)
			}
		}
		select {
		case <-r.exited:
			return fmt.Errorf("run postgres: it ended before it was ready (%s)", r.ending())
		case <-ctx.Done():
			return fmt.Errorf("wait until PostgreSQL is ready: %w", errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}

// ping connects once and makes sure that it is this cluster that answers.
func (s *Server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is at stake on this connection
	results, err := conn.Exec(ctx, "SHOW cluster_name").ReadAll()
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	if name := string(results[0].Rows[0][0]); name != clusterName(s.place.dataDir()) {
		return fmt.Errorf("query: the server on port %d is %q", s.port, name)
	}
	return nil
}
