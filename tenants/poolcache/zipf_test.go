package poolcache_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache/poolbench"
)

// TestZipf runs the comparison on a small scale: that it works and never goes over the budget, which the server enforces.
func TestZipf(t *testing.T) {
	t.Parallel()
	fleet, err := made.get(context.Background(), fleetSize)
	require.NoError(t, err)
	r, err := poolbench.Zipf(within(t), fleet, poolbench.ZipfConfig{Acquisitions: 500, Sample: 20, Budget: 12})
	require.NoError(t, err)
	t.Log(r.Header())
	t.Log(r)
	require.LessOrEqual(t, r.MaxSeen, r.Config.Budget)
	require.Greater(t, r.Ratio(), 1.0)
}

// BenchmarkZipf compares the cache with a pool for each acquisition, at several skews: how much there is to gain is a
// matter of how often tenants repeat. One iteration is 10,000 acquisitions; of those with a pool each, 1,000 are done.
func BenchmarkZipf(b *testing.B) {
	fleet, err := made.get(context.Background(), 300)
	require.NoError(b, err)
	for _, bench := range []struct {
		name string
		skew float64
	}{{"skew=1.1", 1.1}, {"skew=1.5", 1.5}, {"skew=2.0", 2}} {
		b.Run(bench.name, func(b *testing.B) {
			for range b.N {
				r, err := poolbench.Zipf(context.Background(), fleet, poolbench.ZipfConfig{Skew: bench.skew})
				require.NoError(b, err)
				b.Log("\n" + r.Header() + "\n" + r.String())
				require.LessOrEqual(b, r.MaxSeen, r.Config.Budget)
				b.ReportMetric(r.Ratio(), "ratio")
				b.ReportMetric(float64(r.MaxSeen), "max-sessions")
				b.ReportMetric(float64(r.CachedEach().Microseconds()), "cached-µs/acquisition")
				b.ReportMetric(float64(r.UncachedEach().Microseconds()), "uncached-µs/acquisition")
			}
		})
	}
}
