package localpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"

	"github.com/rs/zerolog"
)

// Server is a running private cluster. Its owner must Stop it. Methods may be called from several goroutines.
type Server struct {
	cfg      Config
	log      zerolog.Logger
	bin      Binaries
	place    place
	password string
	port     int

	op    sync.Mutex // held by Stop, Kill and Restart: one at a time
	locks []Lock     // guarded by op; empty while stopped

	mu      sync.Mutex    // guards what follows; never held while waiting
	run     *run          // nil before the first launch
	done    chan struct{} // see Done
	failure error         // see Err
}

// Start runs the cluster of a directory, makes it first if need be, and returns when it answers queries. The context bounds the
// start only, not the server's life. What an earlier owner that was killed left running is stopped first.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	dir, err := makeDir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	s := &Server{cfg: cfg, log: cfg.Log, place: place{dir: dir, base: dir}, done: make(chan struct{})}
	if err := s.start(ctx); err != nil {
		stopErr := s.Stop(context.WithoutCancel(ctx), Immediate)
		return nil, fmt.Errorf("start PostgreSQL in %s: %w", dir, errors.Join(err, stopErr))
	}
	return s, nil
}

// start is Start after the lock's directory is known.
func (s *Server) start(ctx context.Context) error {
	held, err := LockDir(s.place.dir)
	if err != nil {
		return err
	}
	s.locks = append(s.locks, held)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.place.relocated() {
		held, err := LockDir(s.place.base)
		if err != nil {
			return err
		}
		s.locks = append(s.locks, held)
	}
	if err := stopLeftovers(ctx, s.place.dataDir(), s.log); err != nil {
		return err
	}
	if err := prepareData(ctx, s.place, s.bin, s.cfg.Durability, s.password, s.log); err != nil {
		return err
	}
	return s.launchOnSomePort(ctx)
}

// prepare finds the programs, the place and the password.
func (s *Server) prepare(ctx context.Context) error {
	found, err := findAll(ctx, s.cfg.Bin)
	if err != nil {
		return err
	}
	if s.place, err = findPlace(ctx, s.place.dir, found[0], s.log); err != nil {
		return err
	}
	major, err := majorOf(s.place.dataDir())
	if err != nil {
		return err
	}
	if s.bin, err = findMajor(found, major); err != nil {
		return err
	}
	s.password, err = ensurePassword(s.place)
	return err
}

// launchOnSomePort launches, with another port if somebody was faster.
func (s *Server) launchOnSomePort(ctx context.Context) error {
	port, err := choosePort(ctx, s.cfg, s.place, s.log)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		s.port = port
		err := s.launch(ctx)
		if err == nil {
			break
		}
		if s.cfg.Port != 0 || try == 5 || !errors.Is(err, errPortTaken) {
			return err
		}
		if port, err = pickPort(ctx); err != nil {
			return err
		}
	}
	if s.cfg.Port != 0 {
		return nil
	}
	return rememberPort(s.place, s.port)
}

// release gives up the locks; the directory is free for another owner then.
func (s *Server) release() {
	for i := range s.locks {
		s.locks[i].Release()
	}
	s.locks = nil
}

// URL is a connection string for the superuser, password included, to one database, such as "postgres".
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(Superuser, s.password),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the TCP port on 127.0.0.1. It stays the same for the life of the Server, also through Restart.
func (s *Server) Port() int { return s.port }

// Binaries are the programs this cluster runs with; pg_dump and pg_restore of the same version are usually beside them.
func (s *Server) Binaries() Binaries { return s.bin }

// LogPath is the file that the server writes its log to. It can hold statements and, in their errors, values.
func (s *Server) LogPath() string { return s.place.logFile() }

// DataDir is where the cluster's data really is, which is not below Config.Dir if it had to be relocated.
func (s *Server) DataDir() string { return s.place.dataDir() }

// Done is closed when the server ends without having been asked to by Stop, Kill or Restart. After a Restart it is a new channel.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// Err says how the server ended after Done was closed, and is nil before.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}
