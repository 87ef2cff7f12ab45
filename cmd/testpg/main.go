// Command testpg runs another command with private PostgreSQL clusters, one start for a whole `go test ./...`.
//
//	go run ./cmd/testpg -- go test -race -shuffle=on ./...
//
// The command finds the clusters in TEST_DATABASE_URL, TEST_NODE2_URL and TEST_PG_BINDIR; see usage for the rest. The tour:
// main.go reads flags and puts the pieces together, clusters.go starts and removes the clusters, scratch.go finds a directory
// for them and cleans up after runs that were killed, login.go makes logging in quick, child.go runs the command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `testpg runs a command with private PostgreSQL clusters and removes them when it ends.

Usage:

    testpg [flags] -- COMMAND ARGS...

Examples:

    go run ./cmd/testpg -- go test -race -shuffle=on ./...
    go run ./cmd/testpg -durable -- go test -run '^$' -bench . ./...
    go run ./cmd/testpg -- sh -c 'psql "$TEST_DATABASE_URL"'

The command's environment gets:

    TEST_DATABASE_URL   superuser URL of the first cluster, database postgres
    TEST_NODE2_URL      the same of the second cluster
    TEST_PG_BINDIR      directory of pg_dump, pg_restore, psql, initdb and postgres

If TEST_DATABASE_URL is set already, testpg starts nothing and the command uses that server.

testpg passes on the command's exit code, and SIGINT, SIGTERM and SIGHUP to the command. 125 means that testpg itself failed,
127 that the command was not found, 128+n that signal n ended the command.

The clusters have room for 500 connections each, check passwords as a real server does, listen on 127.0.0.1 only, and end
when testpg does, even if it is killed. PostgreSQL's log is kept for a look while the command runs, beside the data.

Flags:

`

// Exit codes of testpg's own; the others are the command's.
const (
	exitUsage    = 2
	exitFailure  = 125
	exitNotFound = 127
	exitSignal   = 128 // plus the signal's number
)

// options are the command line.
type options struct {
	clusters int    // how many to start, 1 or 2
	durable  bool   // fsync on, on a disk and not in memory
	programs string // directory of the server's programs, "" to find them
	settings map[string]string
	command  []string // at least the program
}

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its surroundings passed in. It returns the exit code.
func run(args, environ []string, stdin, stdout, stderr *os.File) int {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return exitUsage
	}

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	set, err := clustersFor(opts, environ, signals, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "testpg:", err)
		if interrupted := (interruption{}); errors.As(err, &interrupted) {
			return exitSignal + int(interrupted.signal)
		}
		return exitFailure
	}
	c := child{command: opts.command, environ: set.environ, stdin: stdin, stdout: stdout, stderr: stderr}
	code, err := c.run(signals)
	if err := errors.Join(err, set.close(context.Background())); err != nil {
		fmt.Fprintln(stderr, "testpg:", err)
		if code == 0 {
			code = exitFailure
		}
	}
	return code
}

// parse reads the command line and tells stderr what is wrong with it. A call for help is flag.ErrHelp.
func parse(args []string, stderr io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("testpg", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&opts.clusters, "clusters", 2, "how many clusters to start, 1 or 2")
	flags.BoolVar(&opts.durable, "durable", false, "fsync on and data on a disk, for benchmarks; the default is neither, and fast")
	flags.StringVar(&opts.programs, "postgres", "", "the `directory` of initdb, postgres and pg_ctl, for another version than the newest that is installed")
	opts.settings = map[string]string{"max_connections": "500"}
	flags.Func("set", "a setting of the servers as `name=value`, such as shared_buffers=4GB; may be given several times", func(given string) error {
		name, value, found := strings.Cut(given, "=")
		if !found || name == "" {
			return fmt.Errorf("%q is not name=value", given)
		}
		opts.settings[name] = value
		return nil
	})
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return options{}, fmt.Errorf("parse flags: %w", err)
	}
	opts.command = flags.Args()

	var problem string
	switch {
	case len(opts.command) == 0:
		problem = "no command given"
	case opts.clusters != 1 && opts.clusters != 2:
		problem = "-clusters must be 1 or 2"
	default:
		return opts, nil
	}
	fmt.Fprintf(stderr, "testpg: %s, see testpg -help\n", problem)
	return options{}, errors.New(problem)
}
