//go:build !race

package s3_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
)

const (
	memoryMegabytes = 300
	memoryMost      = 64 << 20
)

// TestMemory: what a backup and its verification take of the heap does not depend on the database's size. It runs alone.
func TestMemory(t *testing.T) {
	s := newScene(t, small)
	s.fill(t, small, memoryMegabytes)
	s.proxy.Clear()
	peak := watchHeap()
	begun := time.Now()
	s.Do(t, jobs.Backup{Tenant: small})
	grown := peak()
	made := s.newest(t)
	require.Greater(t, *made.Bytes, int64(memoryMegabytes)<<20)
	t.Logf("backup of %d MiB in %s: the heap grew by %d MiB at most", *made.Bytes>>20, time.Since(begun).Round(100*time.Millisecond), grown>>20)
	require.Less(t, grown, int64(memoryMost))

	peak, begun = watchHeap(), time.Now()
	s.Do(t, jobs.VerifyBackup{Backup: made.ID})
	grown = peak()
	t.Logf("verified in %s: the heap grew by %d MiB at most", time.Since(begun).Round(100*time.Millisecond), grown>>20)
	require.Less(t, grown, int64(memoryMost))
}

// watchHeap looks at the heap until it is asked how far it has grown.
func watchHeap() (peak func() int64) {
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	first, most := now.HeapAlloc, now.HeapAlloc
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for tick := time.Tick(5 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick:
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
	})
	return func() int64 {
		close(stop)
		done.Wait()
		return int64(most - first)
	}
}
