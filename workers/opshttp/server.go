package opshttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/jobs"
)

// Bounds of one connection. River UI asks and is answered: nothing streams.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 32 << 10
)

// Server is the operators' HTTP server. Start and Stop it once.
type Server struct {
	cfg   Config
	at    *net.TCPAddr
	local localRule
	login *login // nil without
	ready *readiness
	fleet *surveyor
	jobs  *jobs.Client
	river *riverUI

	collectors []prometheus.Collector
	http       *http.Server

	mu       sync.Mutex
	phase    phase
	listener net.Listener
	endLife  context.CancelFunc
	served   chan struct{} // closed when the listener is served no more
}

type phase int

const (
	phaseNew phase = iota
	phaseStarted
	phaseStopped
)

// New makes a server. It refuses a configuration that would let strangers in.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	at, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, at: at, jobs: jobs.New(cfg.ControlPool), served: make(chan struct{})}
	s.local = localRule{listener: at.IP.IsLoopback()}
	s.fleet = newSurveyor(cfg.ControlPool, cfg.Log)
	if s.ready, err = newReadiness(cfg.ControlPool, cfg.Log); err != nil {
		return nil, err
	}
	if s.river, err = newRiverUI(cfg.ControlPool, cfg.Log); err != nil {
		return nil, err
	}
	if cfg.hasLogin() {
		s.login = newLogin(cfg)
		s.collectors = append(s.collectors, s.login.attempts)
	}
	s.collectors = append(s.collectors, processInfo{version: cfg.Version, workerID: cfg.WorkerID}, fleetCollector{s.fleet})
	if cfg.Cache != nil {
		s.collectors = append(s.collectors, cacheCollector{cfg.Cache})
	}
	return s, nil
}

// Start listens and begins to serve. The context gives values only: Stop ends the server.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != phaseNew {
		return errors.New("start ops server: it was started before")
	}
	if err := s.register(); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.at.String())
	if err != nil {
		s.unregister()
		return fmt.Errorf("listen for operators: %w", err)
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	s.listener, s.endLife, s.phase = listener, end, phaseStarted
	s.fleet.begin(life)
	s.river.begin(life)
	if s.login == nil {
		s.cfg.Log.Warn().Str("address", listener.Addr().String()).
			Msg("operators' pages have no login and answer this machine only; set TENANTRY_OPS_USER and TENANTRY_OPS_PASSWORD")
	} else {
		s.login.nameCookie(listener.Addr())
	}
	s.http = s.newHTTP(life)
	go s.serve(listener)
	return nil
}

func (s *Server) newHTTP(life context.Context) *http.Server {
	return &http.Server{
		Handler:           s.routes(),
		BaseContext:       func(net.Listener) context.Context { return life },
		ErrorLog:          slog.NewLogLogger(zerolog.NewSlogHandler(s.cfg.Log), slog.LevelWarn),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}

func (s *Server) serve(listener net.Listener) {
	defer close(s.served)
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		s.cfg.Log.Error().Err(err).Msg("operators' pages are served no more")
	}
}

// Addr is the address that is listened on, "" before Start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Stop takes no more requests and lets those under way end until ctx does, then it cuts them off. Stopping twice, or
// without Start, is safe.
func (s *Server) Stop(ctx context.Context) {
	s.mu.Lock()
	before := s.phase
	s.phase = phaseStopped
	s.mu.Unlock()
	if before != phaseStarted {
		return
	}
	if err := s.http.Shutdown(ctx); err != nil {
		s.cfg.Log.Warn().Err(err).Msg("operators' requests were cut off")
	}
	s.endLife()
	_ = s.http.Close() // what Shutdown left
	<-s.served
	s.unregister()
}

func (s *Server) register() error {
	for i, c := range s.collectors {
		if err := s.cfg.Registerer.Register(c); err != nil {
			for _, done := range s.collectors[:i] {
				s.cfg.Registerer.Unregister(done)
			}
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

func (s *Server) unregister() {
	for _, c := range s.collectors {
		s.cfg.Registerer.Unregister(c)
	}
}
