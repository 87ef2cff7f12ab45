package bench_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache/poolbench"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A hit of the pool cache against a mutex map with reference counts: the package's own benchmarks, at 1 and 2 goroutines.
func TestBenchPoolCacheHit(t *testing.T) {
	times := "200x"
	if full() {
		times = "1s"
	}
	out, err := exec.CommandContext(t.Context(), "go", "test", "-run", "^$", "-bench", "^(BenchmarkHit|BenchmarkMutexMap)$", "-benchmem",
		"-cpu", "1,2", "-benchtime", times, "../../tenants/poolcache").CombinedOutput()
	require.NoError(t, err, "%s", out)
	line := regexp.MustCompile(`(?m)^Benchmark(Hit|MutexMap)(-2)?\s+\d+\s+([0-9.]+) ns/op\s+\d+ B/op\s+(\d+) allocs/op`)
	ns, allocs := map[string]float64{}, map[string]string{}
	for _, m := range line.FindAllStringSubmatch(string(out), -1) {
		ns[m[1]+m[2]], err = strconv.ParseFloat(m[3], 64)
		require.NoError(t, err)
		allocs[m[1]+m[2]] = m[4]
	}
	require.Len(t, ns, 4, "%s", out)
	for _, cpu := range []string{"", "-2"} {
		goroutines := "1 goroutine"
		if cpu != "" {
			goroutines = "2 goroutines"
		}
		ratio := ns["Hit"+cpu] / ns["MutexMap"+cpu]
		report(t, row{
			"pool cache hit, " + goroutines, fmt.Sprintf("%.0f ns, %s allocations", ns["Hit"+cpu], allocs["Hit"+cpu]),
			fmt.Sprintf("%.0f ns mutex map", ns["MutexMap"+cpu]), fmt.Sprintf("%.2f×", ratio), "≤ 2×, 0 allocations", ratio <= 2 && allocs["Hit"+cpu] == "0",
		})
	}
}

// Acquisitions of tenants picked by Zipf's law, against a pool made and closed for each. The steeper the law, the more
// tenants repeat: a cache can only win where they do.
func TestBenchPoolCacheZipf(t *testing.T) {
	fleet, err := poolbench.Create(t.Context(), fleettest.ServerURL(t), size(300, 10))
	require.NoError(t, err)
	defer func() { require.NoError(t, fleet.Drop(t.Context())) }()
	for _, skew := range []float64{2, 1.1} {
		r, err := poolbench.Zipf(t.Context(), fleet, poolbench.ZipfConfig{Skew: skew, Acquisitions: size(10000, 100), Sample: size(1000, 20)})
		require.NoError(t, err)
		goal, reached := "≥ 20×, never over budget", r.Ratio() >= 20 && r.MaxSeen <= r.Config.Budget
		if skew < 2 { // 60 connections cannot hold what this law asks for: the bound is the budget
			goal, reached = "never over budget", r.MaxSeen <= r.Config.Budget
		}
		report(t, row{
			fmt.Sprintf("%d acquisitions, Zipf %.1f over %d databases, %d of %d connections seen", r.Config.Acquisitions, skew, r.Tenants, r.MaxSeen, r.Config.Budget),
			r.CachedEach().String(), r.UncachedEach().String() + " pgxpool.New each", fmt.Sprintf("%.1f×", r.Ratio()), goal, reached,
		})
	}
}
