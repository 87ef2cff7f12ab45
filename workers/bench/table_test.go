package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	what, ours, theirs, ratio, goal string
	reached                         bool
}

var (
	mu   sync.Mutex
	rows []row
)

func full() bool { return os.Getenv("TENANTRY_BENCH") == "full" }

// size is a number of repetitions: the first at full size, the second in the short form. TENANTRY_BENCH_SIZE says another one, to look at one
// benchmark closely.
func size(big, small int) int {
	if n, err := strconv.Atoi(os.Getenv("TENANTRY_BENCH_SIZE")); err == nil {
		return n
	}
	if full() {
		return big
	}
	return small
}

func report(t *testing.T, r row) {
	t.Helper()
	mu.Lock()
	rows = append(rows, r)
	mu.Unlock()
	t.Logf("%s: ours %s, theirs %s, ratio %s, goal %s, reached %v", r.what, r.ours, r.theirs, r.ratio, r.goal, r.reached)
	if full() && !r.reached {
		t.Errorf("%s: goal %s missed: %s", r.what, r.goal, r.ratio)
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "WHAT\tOURS\tTHEIRS\tRATIO\tGOAL\tREACHED")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%v\n", r.what, r.ours, r.theirs, r.ratio, r.goal, r.reached)
	}
	_ = w.Flush()
	if len(rows) > 0 {
		_, _ = os.Stdout.WriteString("\n" + out.String() + "\n")
	}
	os.Exit(code)
}

// quantile of durations; q from 0 to 1.
func quantile(list []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }
