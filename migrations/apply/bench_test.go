package apply_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
)

// benchTables are what a small migration makes.
const benchTables = "CREATE TABLE a (x int PRIMARY KEY);\nALTER TABLE a ADD COLUMN y text;\nCREATE INDEX a_y ON a (y);"

func BenchmarkUpToDate(b *testing.B) {
	tn := newTenant(b)
	var files []string
	for i := range 50 {
		files = append(files, fmt.Sprintf("%d_f.sql", i+1), strings.Repeat("SELECT 1;\n", 10))
	}
	for _, count := range []int{1, 50} {
		tn.reset(b)
		rel := releaseOf(b, "1", files[:2*count]...)
		tn.mustApply(b, rel)
		conn := tn.connect(b)
		b.Run(fmt.Sprintf("statements=%d", rel.StatementCount()), func(b *testing.B) {
			for b.Loop() {
				_, err := apply.Apply(b.Context(), conn, rel, tn.options())
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkSmallMigration compares three statements through Apply with the bare statements in a transaction.
func BenchmarkSmallMigration(b *testing.B) {
	tn := newTenant(b)
	rel := releaseOf(b, "1", "1_a.sql", benchTables)
	tn.mustApply(b, rel)
	conn := tn.connect(b)
	forget := func() {
		run(b, tn.admin, "DROP TABLE a; TRUNCATE _tenantry.schema_history; DELETE FROM _tenantry.meta WHERE key LIKE 'release%'")
	}
	b.Run("apply", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			forget()
			b.StartTimer()
			_, err := apply.Apply(b.Context(), conn, rel, tn.options())
			require.NoError(b, err)
		}
	})
	b.Run("bare", func(b *testing.B) {
		statements := strings.Split(strings.TrimSuffix(benchTables, ";"), ";")
		for b.Loop() {
			b.StopTimer()
			forget()
			b.StartTimer()
			err := pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error {
				for _, statement := range statements {
					if _, err := tx.Exec(b.Context(), statement); err != nil {
						return err
					}
				}
				return nil
			})
			require.NoError(b, err)
		}
	})
}
