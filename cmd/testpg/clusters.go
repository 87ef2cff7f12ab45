package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/cmd/internal/localpg"
)

// The variables of the command's environment. A set variableURL also makes testpg use that server.
const (
	variableURL    = "TEST_DATABASE_URL"
	variableNode2  = "TEST_NODE2_URL"
	variableBinDir = "TEST_PG_BINDIR"
)

// clusterSet is what the command runs with. The zero value is somebody else's servers: nothing to close.
type clusterSet struct {
	environ []string
	scratch scratch
	servers []*localpg.Server // nil where one did not start
}

// interruption is the error of a start that a signal ended.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string { return "interrupted: " + i.signal.String() }

// clustersFor finds or starts the clusters and tells stderr about them in one line.
func clustersFor(opts options, environ []string, signals <-chan os.Signal, stderr io.Writer) (*clusterSet, error) {
	ctx, stop := cancelOn(context.Background(), signals)
	defer stop()
	url := lookup(environ, variableURL)
	if url == "" {
		return startClusters(ctx, opts, environ, stderr)
	}

	version, err := serverVersion(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("use the server in %s: %w", variableURL, err)
	}
	fmt.Fprintf(stderr, "testpg: PostgreSQL %s from %s; nothing started\n", version, variableURL)
	set := &clusterSet{environ: environ}
	if bin, err := localpg.Find(""); err == nil && lookup(environ, variableBinDir) == "" {
		set.environ = with(environ, variableBinDir, bin.Dir)
	}
	return set, nil
}

// cancelOn makes a signal the end of a context. After stop signals are nobody's again.
func cancelOn(parent context.Context, signals <-chan os.Signal) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	stopped, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		select {
		case s := <-signals:
			if s, ok := s.(syscall.Signal); ok {
				cancel(interruption{s})
			}
		case <-stopped:
		}
	}()
	return ctx, func() {
		close(stopped)
		<-left
		cancel(nil)
	}
}

// startClusters starts all at once; the error leaves nothing behind.
func startClusters(ctx context.Context, opts options, environ []string, stderr io.Writer) (_ *clusterSet, err error) {
	began := time.Now()
	parent := scratchParent(opts.durable)
	sweep(ctx, parent)
	set := &clusterSet{environ: environ, servers: make([]*localpg.Server, opts.clusters)}
	if set.scratch, err = newScratch(parent); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, set.close(context.WithoutCancel(ctx)))
		}
	}()

	log := zerolog.New(zerolog.ConsoleWriter{Out: stderr, NoColor: true}).Level(zerolog.WarnLevel)
	group, groupCtx := errgroup.WithContext(ctx)
	for i := range set.servers {
		cfg := localpg.Config{
			Dir:      filepath.Join(set.scratch.dir, fmt.Sprintf("node%d", i+1)),
			Settings: opts.settings,
			Log:      log,
			Bin:      opts.programs,
		}
		if !opts.durable {
			cfg.Durability = localpg.Throwaway
		}
		group.Go(func() (err error) {
			set.servers[i], err = localpg.Start(groupCtx, cfg)
			if err == nil && !opts.durable {
				err = quickLogin(groupCtx, set.servers[i].URL("postgres"))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	set.export()
	set.announce(opts, time.Since(began), stderr)
	return set, nil
}

// export puts the clusters into the command's environment. A node that was not asked for is not inherited either.
func (c *clusterSet) export() {
	c.environ = with(c.environ, variableURL, c.servers[0].URL("postgres"))
	c.environ = with(c.environ, variableBinDir, c.servers[0].Binaries().Dir)
	node2 := ""
	if len(c.servers) > 1 {
		node2 = c.servers[1].URL("postgres")
	}
	c.environ = with(c.environ, variableNode2, node2)
}

func (c *clusterSet) announce(opts options, took time.Duration, stderr io.Writer) {
	kind := localpg.Throwaway
	if opts.durable {
		kind = localpg.Durable
	}
	var ports []string
	for _, s := range c.servers {
		ports = append(ports, fmt.Sprint(s.Port()))
	}
	fmt.Fprintf(stderr, "testpg: PostgreSQL %s, %s, port %s, in %s, ready after %s\n", c.servers[0].Binaries().Version,
		kind, strings.Join(ports, " and "), c.scratch.dir, took.Round(10*time.Millisecond))
}

// close stops the clusters and removes their files.
func (c *clusterSet) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var group errgroup.Group
	for _, s := range c.servers {
		if s != nil {
			group.Go(func() error { return s.Stop(ctx, localpg.Immediate) })
		}
	}
	return errors.Join(group.Wait(), c.scratch.remove(ctx))
}

func serverVersion(ctx context.Context, url string) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is at stake on this connection
	if err := conn.QueryRow(ctx, "SHOW server_version").Scan(&version); err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	return version, nil
}

// lookup returns the value of a variable, "" if it is not set; the last of several counts, as in os/exec.
func lookup(environ []string, name string) (value string) {
	for _, entry := range environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// with returns a copy of the environment with one variable set, or without it when the value is empty.
func with(environ []string, name, value string) []string {
	var out []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, name+"=") {
			out = append(out, entry)
		}
	}
	if value == "" {
		return out
	}
	return append(out, name+"="+value)
}
