package opshttp

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/tenants/poolcache"
)

const (
	defaultAddr = "127.0.0.1:8484"
	// minPassword is the shortest password, in bytes.
	minPassword = 8
	// maxCredential bounds what is read of a user's name or password, in bytes.
	maxCredential = 200
)

// Config of a [Server].
type Config struct {
	// Addr is where to listen, as host:port; port 0 is any free one. Without a login it must be loopback.
	// Defaults to 127.0.0.1:8484.
	Addr string
	// User and Password are the operators' login. Both empty means that there is none.
	User, Password string
	// ControlPool reaches the control database. It stays the caller's to close, after Stop.
	ControlPool *pgxpool.Pool
	// Registerer and Gatherer are where metrics are collected and read. Both nil means a registry of the server's own.
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
	// Cache is this process's pools of tenants. nil means that it has none.
	Cache *poolcache.Cache
	// WorkerID is the id of this process's worker. nil means that it has none.
	WorkerID func() string
	// Log is where lines go. The zero value logs nothing.
	Log zerolog.Logger
	// Version of the program, shown by /healthz.
	Version string

	now func() time.Time // the clock of sessions and the throttle; nil is time.Now
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = defaultAddr
	}
	if c.Registerer == nil && c.Gatherer == nil {
		reg := prometheus.NewRegistry()
		c.Registerer, c.Gatherer = reg, reg
	}
	if c.WorkerID == nil {
		c.WorkerID = func() string { return "" }
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// validate also resolves the address, so that what was checked is what is listened on.
func (c Config) validate() (*net.TCPAddr, error) {
	if c.ControlPool == nil {
		return nil, errors.New("control pool: missing")
	}
	if (c.Registerer == nil) != (c.Gatherer == nil) {
		return nil, errors.New("metrics: give both a registerer and a gatherer, or neither")
	}
	if err := c.validateLogin(); err != nil {
		return nil, err
	}
	addr, err := net.ResolveTCPAddr("tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen address: %w", err)
	}
	if !c.hasLogin() && !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("listen address: %s can be reached from other machines and there is no login; "+
			"set TENANTRY_OPS_USER and TENANTRY_OPS_PASSWORD, or listen on 127.0.0.1", c.Addr)
	}
	return addr, nil
}

func (c Config) hasLogin() bool { return c.User != "" || c.Password != "" }

func (c Config) validateLogin() error {
	switch {
	case !c.hasLogin():
		return nil
	case c.User == "":
		return errors.New("login: there is a password and no user; set TENANTRY_OPS_USER")
	case c.Password == "":
		return errors.New("login: there is a user and no password; set TENANTRY_OPS_PASSWORD")
	case len(c.Password) < minPassword:
		return fmt.Errorf("login: the password is too short; give TENANTRY_OPS_PASSWORD at least %d characters", minPassword)
	case len(c.User) > maxCredential || len(c.Password) > maxCredential:
		return fmt.Errorf("login: TENANTRY_OPS_USER and TENANTRY_OPS_PASSWORD have at most %d bytes", maxCredential)
	case strings.Contains(c.User, ":") || strings.ContainsFunc(c.User, unicode.IsControl):
		return errors.New("login: TENANTRY_OPS_USER must hold no colon and no control character, which HTTP Basic cannot carry")
	}
	return nil
}
