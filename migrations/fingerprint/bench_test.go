package fingerprint_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/fingerprint"
)

// twentyTables is a product of ordinary size: keys, foreign keys, checks, indexes, a trigger on each table, grants, a view.
func twentyTables() []string {
	statements := []string{
		`ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}`,
		`GRANT ALL ON SCHEMA public TO {owner}`,
		`SET ROLE {owner}`,
		`CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at := now(); RETURN NEW; END'`,
		`CREATE TABLE public.t0 (id bigint PRIMARY KEY)`,
	}
	for i := 1; i < 20; i++ {
		statements = append(statements,
			fmt.Sprintf(`CREATE TABLE public.t%d (
				id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_id bigint NOT NULL REFERENCES public.t%d, name text NOT NULL UNIQUE CHECK (name <> ''),
				status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done')), total numeric(14,2) NOT NULL DEFAULT 0, note text, data jsonb NOT NULL DEFAULT '{}',
				created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())`, i, i-1),
			fmt.Sprintf(`CREATE INDEX t%[1]d_parent ON public.t%[1]d (parent_id)`, i),
			fmt.Sprintf(`CREATE TRIGGER touch BEFORE UPDATE ON public.t%d FOR EACH ROW EXECUTE FUNCTION public.touch()`, i))
	}
	return append(statements, `CREATE VIEW public.sums AS SELECT status, sum(total) AS total FROM public.t1 GROUP BY 1`)
}

// What a check costs: of one database, over a connection that has read no catalog yet. The figures are for a person; what is required is that
// it does not grow out of all proportion.
func TestCost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	db := s.create(t, "template0", twentyTables()...)
	config := s.config.Copy()
	config.Database = db.name
	var cold, warm, connect []time.Duration
	for range 15 {
		begun := time.Now()
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		connect = append(connect, time.Since(begun))
		for _, list := range []*[]time.Duration{&cold, &warm} {
			begun = time.Now()
			schema, err := fingerprint.Read(t.Context(), conn, db.options())
			require.NoError(t, err)
			*list = append(*list, time.Since(begun))
			require.Greater(t, len(schema.Objects), 300)
		}
		hangUp(t, conn)
	}
	median := func(list []time.Duration) time.Duration {
		slices.Sort(list)
		return list[len(list)/2]
	}
	t.Logf("connect %s, first reading of a session %s (best %s), second %s (best %s)", median(connect), median(cold), cold[0], median(warm), warm[0])
	require.Less(t, cold[0], time.Second)
}
