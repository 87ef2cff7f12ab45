package lint_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkWork measures the rates that estimates stand on. Run it alone, with durable clusters on a disk:
//
//	go run ./cmd/testpg -durable -- go test -run xxx -bench Work -benchtime 1x ./migrations/lint
func BenchmarkWork(b *testing.B) {
	const rows = 2_000_000
	conn := server(b, newWorld(b, ""))
	_, err := conn.Exec(b.Context(), fmt.Sprintf(`
		CREATE TABLE big AS SELECT i::bigint AS id, i AS n, md5(i::text) AS text, 'row ' || i AS label FROM generate_series(1, %d) i;
		CREATE UNIQUE INDEX ON big (id); CREATE INDEX ON big (label); ANALYZE big`, rows))
	require.NoError(b, err)
	var bytes float64
	require.NoError(b, conn.QueryRow(b.Context(), `SELECT pg_total_relation_size('big')`).Scan(&bytes))
	for _, work := range []struct {
		name, sql string
		amount    float64
	}{
		{"rewrite_bytes", `ALTER TABLE big ADD COLUMN c%d uuid DEFAULT gen_random_uuid()`, bytes},
		{"scan_bytes", `ALTER TABLE big ADD CONSTRAINT k%d CHECK (n > 0)`, bytes},
		{"build_rows", `CREATE INDEX i%d ON big (text)`, rows},
		{"change_rows", `UPDATE big SET n = n + %d`, rows},
	} {
		b.Run(work.name, func(b *testing.B) {
			var spent time.Duration
			for i := range b.N {
				tx, err := conn.Begin(b.Context())
				require.NoError(b, err)
				started := time.Now()
				_, err = tx.Exec(b.Context(), fmt.Sprintf(work.sql, i))
				require.NoError(b, err)
				spent += time.Since(started)
				require.NoError(b, tx.Rollback(b.Context()))
			}
			b.ReportMetric(work.amount*float64(b.N)/spent.Seconds(), "per_s")
		})
	}
}
