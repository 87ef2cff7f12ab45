package tenants_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
)

// What was done is never negative and never invented, whatever becomes of the server's counters.
func TestActivitySince(t *testing.T) {
	t.Parallel()
	work := func(n int64) tenants.Work {
		return tenants.Work{Transactions: n, RowsWritten: 2 * n, RowsRead: 3 * n, Sessions: n}
	}
	was := tenants.Activity{Database: 7, Lineage: "monday", Reset: "tuesday", Work: work(100)}
	for name, z := range map[string]struct {
		now   tenants.Activity
		want  tenants.Work
		whole bool
		known bool
	}{
		"nothing":                    {was, work(0), true, true},
		"some":                       {tenants.Activity{Database: 7, Lineage: "monday", Reset: "tuesday", Work: work(130)}, work(30), true, true},
		"the server has crashed":     {tenants.Activity{Database: 7, Lineage: "friday", Work: work(40)}, work(40), false, true},
		"crashed, and more since":    {tenants.Activity{Database: 7, Lineage: "friday", Work: work(140)}, work(40), false, true},
		"set to zero":                {tenants.Activity{Database: 7, Lineage: "monday", Reset: "friday", Work: work(1)}, work(1), false, true},
		"other marks, counts go on":  {tenants.Activity{Database: 7, Lineage: "friday", Reset: "tuesday", Work: work(101)}, work(1), false, true},
		"back without a mark":        {tenants.Activity{Database: 7, Lineage: "monday", Reset: "tuesday", Work: work(99)}, work(99), false, true},
		"another database":           {tenants.Activity{Database: 8, Lineage: "monday", Reset: "tuesday", Work: work(130)}, work(0), false, false},
		"one counter is less, alone": {tenants.Activity{Database: 7, Lineage: "friday", Work: tenants.Work{Transactions: 5, RowsWritten: 900, RowsRead: 900, Sessions: 5}}, tenants.Work{Transactions: 5, RowsWritten: 900, RowsRead: 900, Sessions: 5}, false, true},
	} {
		got, whole, known := z.now.Since(was)
		require.Equal(t, z.want, got, name)
		require.Equal(t, z.whole, whole, name)
		require.Equal(t, z.known, known, name)
	}
}
