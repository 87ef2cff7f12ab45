package localpg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// shortHash names things after a path.
func shortHash(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}

// clusterName is the server's cluster_name. PostgreSQL shows it in the title of each of its processes, which is how they
// are recognised when their postmaster is gone.
func clusterName(dataDir string) string { return "tenantry-" + shortHash(dataDir) }

// processes of one cluster.
type processes struct {
	postmasters []int // one, or none; for an instant after a fork two
	backends    []int // everything else
}

func (p processes) empty() bool { return len(p.postmasters)+len(p.backends) == 0 }

// processesOf finds what runs on a data directory, whoever started it.
func processesOf(dataDir string) (processes, error) {
	lines, err := commandLines()
	if err != nil {
		return processes{}, err
	}
	var p processes
	for pid, line := range lines {
		program, _, ok := strings.Cut(line, " "+strings.Join(postmasterArguments(dataDir), " "))
		switch {
		case ok && filepath.Base(program) == "postgres" && !strings.Contains(program, " "):
			p.postmasters = append(p.postmasters, pid)
		case strings.HasPrefix(line, "postgres: "+clusterName(dataDir)+": "):
			p.backends = append(p.backends, pid)
		}
	}
	return p, nil
}

// postmasterArguments begin every command line of a server of ours.
func postmasterArguments(dataDir string) []string {
	return []string{"-D", dataDir, "-c", "cluster_name=" + clusterName(dataDir)}
}

// orphanWait is how long processes without a postmaster get for each step: they are about to end by themselves, or stuck.
const orphanWait = 500 * time.Millisecond

// stopLeftovers ends what an owner that was killed left running, first politely. The caller holds the cluster's lock, so
// nobody else owns these processes.
func stopLeftovers(ctx context.Context, dataDir string, log zerolog.Logger) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{
		{syscall.SIGINT, 5 * time.Second},   // fast: a checkpoint, then the end
		{syscall.SIGQUIT, 10 * time.Second}, // immediate: recovery at the next start
		{syscall.SIGKILL, 10 * time.Second},
	} {
		left, err := processesOf(dataDir)
		if err != nil {
			return err
		}
		if left.empty() {
			return nil
		}
		log.Warn().Ints("postmaster_pids", left.postmasters).Int("backends", len(left.backends)).
			Stringer("signal", step.signal).Msg("stop a server that its owner left behind")
		if err := left.signal(step.signal); err != nil {
			return err
		}
		if len(left.postmasters) == 0 {
			step.wait = orphanWait
		}
		gone, err := waitGone(ctx, dataDir, step.wait)
		if err != nil || gone {
			return err
		}
	}
	return fmt.Errorf("stop the server left behind on %s: it does not end", dataDir)
}

// signal reaches the postmaster, which passes it on. Backends get it when there is no postmaster, or when it is SIGKILL.
func (p processes) signal(sig syscall.Signal) error {
	pids := p.postmasters
	if len(pids) == 0 || sig == syscall.SIGKILL {
		pids = append(pids, p.backends...)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("send %s to process %d: %w", sig, pid, err)
		}
	}
	return nil
}

// waitGone reports whether the last process of a cluster ended in time.
func waitGone(ctx context.Context, dataDir string, limit time.Duration) (bool, error) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := processesOf(dataDir)
		if err != nil || left.empty() {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("wait for the server to end: %w", context.Cause(ctx))
		case <-deadline.C:
			return false, nil
		case <-tick.C:
		}
	}
}

// removeStalePID removes a postmaster.pid whose process id was given to another program since, after a reboot for
// example: PostgreSQL would take that program for a server. Any other stale file PostgreSQL recognises by itself, and
// better, because it also checks for shared memory in use.
func removeStalePID(dataDir string) error {
	path := filepath.Join(dataDir, "postmaster.pid")
	raw, err := os.ReadFile(path) //nolint:gosec // G304: in our own data directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read postmaster.pid: %w", err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return removeFile(path) // cut off by a full disk or a power cut
	}
	lines, err := commandLines()
	if err != nil {
		return err
	}
	line, alive := lines[pid]
	program, _, _ := strings.Cut(line, " ")
	if !alive || filepath.Base(program) == "postgres" || strings.HasPrefix(line, "postgres: ") {
		return nil
	}
	return removeFile(path)
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale file: %w", err)
	}
	return nil
}
