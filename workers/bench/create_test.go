package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A tenant from the warm pool in the caller's transaction, against one INSERT in its own. The two take turns.
func TestBenchWarmCreate(t *testing.T) {
	n := size(200, 10)
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = &n })
	rt := f.Worker(t)
	require.Eventually(t, func() bool {
		uses, err := f.Registry.NodeUses(t.Context())
		require.NoError(t, err)
		for _, use := range uses {
			return use.Warm == n
		}
		return false
	}, 5*time.Minute, 100*time.Millisecond)
	rt.Stop() // what is measured is the caller's transaction, not the refill beside it
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, f.URL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `CREATE TABLE public.plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slug text UNIQUE, at timestamptz DEFAULT now())`)
	require.NoError(t, err)

	var ours, theirs []time.Duration
	for i := range n {
		slug := fmt.Sprintf("bench-%d", i)
		begun := time.Now()
		require.NoError(t, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO public.plain (slug) VALUES ($1)`, slug)
			return err
		}))
		theirs = append(theirs, time.Since(begun))
		begun = time.Now()
		require.NoError(t, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			made, err := f.Jobs.CreateTenantTx(ctx, tx, jobs.Provision{Slug: slug}, nil)
			if err == nil && made.State != "active" {
				return fmt.Errorf("tenant %s is %s", slug, made.State)
			}
			return err
		}))
		ours = append(ours, time.Since(begun))
	}
	ratio := quantile(ours, .5).Seconds() / quantile(theirs, .5).Seconds()
	report(t, row{
		fmt.Sprintf("create a tenant from the warm pool, commit included, p50 (n=%d)", n),
		ms(quantile(ours, .5)), ms(quantile(theirs, .5)) + " INSERT", fmt.Sprintf("%.1f×", ratio), "≤ 5×, ≤ 15 ms", ratio <= 5 && quantile(ours, .5) <= 15*time.Millisecond,
	})
	report(t, row{
		"the same, p99", ms(quantile(ours, .99)), ms(quantile(theirs, .99)) + " INSERT",
		fmt.Sprintf("%.1f×", quantile(ours, .99).Seconds()/quantile(theirs, .99).Seconds()), "≤ 60 ms", quantile(ours, .99) <= 60*time.Millisecond,
	})
}
