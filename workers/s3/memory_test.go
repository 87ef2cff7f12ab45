//go:build !race

package s3_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

const (
	memoryMegabytes = 300
	memoryMost      = 64 << 20
)

// TestMemory: what a backup and its verification take of a worker's memory does not depend on the database's size. It is the memory of a real worker process, as the
// kernel counts it, what is collected later included; and it runs alone.
func TestMemory(t *testing.T) {
	s := idleScene(t)
	dir := t.TempDir()
	_, err := crashtest.Build(t.Context(), dir)
	require.NoError(t, err)
	worker := exec.CommandContext(t.Context(), dir+"/tenantry", "worker")
	worker.Env = append(os.Environ(), crashtest.Env(s.Fleet)...)
	require.NoError(t, worker.Start())
	defer func() {
		_ = worker.Process.Kill()
		_ = worker.Wait()
	}()
	s.provision(t, small)
	s.Do(t, jobs.Backup{Tenant: small}) // what the first one takes for good, such as the client of S3
	s.fill(t, small, memoryMegabytes)
	peak := watchMemory(t, worker.Process.Pid)
	begun := time.Now()
	s.Do(t, jobs.Backup{Tenant: small})
	grown := peak()
	made := s.newest(t)
	require.Greater(t, *made.Bytes, int64(memoryMegabytes)<<20)
	t.Logf("backup of %d MiB in %s: the worker grew by %d MiB at most", *made.Bytes>>20, time.Since(begun).Round(100*time.Millisecond), grown>>20)
	require.Less(t, grown, int64(memoryMost))

	peak, begun = watchMemory(t, worker.Process.Pid), time.Now()
	s.Do(t, jobs.VerifyBackup{Backup: made.ID})
	grown = peak()
	t.Logf("verified in %s: the worker grew by %d MiB at most", time.Since(begun).Round(100*time.Millisecond), grown>>20)
	require.Less(t, grown, int64(memoryMost))
}

var anonymous = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// memoryOf is what a process has of the machine's memory, its program's text aside.
func memoryOf(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // 0 when it is gone
	m := anonymous.FindSubmatch(status)
	if m == nil {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return kilobytes << 10
}

// watchMemory looks at a process until it is asked how far it has grown.
func watchMemory(t *testing.T, pid int) (peak func() int64) {
	t.Helper()
	first := memoryOf(pid)
	require.Positive(t, first)
	most := first
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for tick := time.Tick(5 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick:
				most = max(most, memoryOf(pid))
			}
		}
	})
	return func() int64 {
		close(stop)
		done.Wait()
		return most - first
	}
}
