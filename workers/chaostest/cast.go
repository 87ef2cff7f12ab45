package chaostest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// cast says who plays what.
type cast struct {
	all      []string
	canaries []string // in good health, but for the first of unknown
	unknown  []string // have a phone number that the release's CHECK refuses
	without  []string // have none, where the release wants one
	held     string   // its table is held by a transaction for a while; on the first node
	pinned   string
	back     string // suspended at first, resumed in the middle of the rollout
	away     string // suspended until the rollout is over
	isolated string // in quarantine since before
	client   []string
	builders []string // have forms that are changed all the time
}

func (p cast) broken() []string { return append(append([]string{}, p.unknown...), p.without...) }

// Releases of the trial, after the sample's.
const (
	good = "chaos-good"
	bad  = "chaos-bad"
)

var goodFiles = map[string]string{
	"00005_vat.sql": `-- +goose Up
ALTER TABLE invoices ADD COLUMN vat numeric(5,2) NOT NULL DEFAULT 0;
ALTER TABLE customers ADD COLUMN country text;
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint REFERENCES customers, body text NOT NULL);
`,
	"00006_countries.sql": `-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY customers_country ON customers (country);
INSERT INTO notes (body) VALUES ('once');
DROP INDEX CONCURRENTLY orders_ordered;
`,
	"00007_phones.sql": `-- +goose Up
UPDATE notes SET body = body || '!';
ALTER TABLE customers ADD CONSTRAINT customers_phone CHECK (phone <> 'unknown');
`,
	"00008_reachable.sql": `-- +goose Up
ALTER TABLE customers ALTER COLUMN phone SET NOT NULL;
`,
}

// badFile fails for everybody who has an order.
var badFile = map[string]string{"00009_channel.sql": "-- +goose Up\nALTER TABLE orders ADD COLUMN channel text NOT NULL;\n"}

// setUp makes the fleet and gives everybody a part.
func (c *trial) setUp() {
	c.t.Helper()
	t := c.t
	f := fleettest.New(t)
	c.fleet = f
	first, second := fleettest.ServerURL(t), c.server.URL("postgres")
	c.scenes = []*crashtest.Scene{
		crashtest.NewScene(f, f.NodeAt(t, first, "n1"), first),
		crashtest.NewScene(f, f.NodeAt(t, second, "n2"), second),
	}
	c.startWorker()
	c.pictures()
	c.makeTenants()
	c.giveParts()
	c.stopWorkers()
}

// pictures remembers what clean databases of both releases look like.
func (c *trial) pictures() {
	c.t.Helper()
	t, f := c.t, c.fleet
	made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "clean"}, nil)
	require.NoError(t, err)
	f.Succeeds(t, made.OperationID)
	home := c.scenes[0]
	if f.Tenant(t, "clean").Node != home.Node.Name {
		home = c.scenes[1]
	}
	home.Remember(t, "clean")
	crashtest.Publish(t, f, good, crashtest.Sample(t, goodFiles), workers.KeepCurrent)
	f.Do(t, jobs.Migrate{Tenant: "clean", Release: good})
	home.Remember(t, "clean")
	c.scenes[0].Clean, c.scenes[1].Clean = home.Clean, home.Clean
}

func (c *trial) makeTenants() {
	c.t.Helper()
	t, f := c.t, c.fleet
	ids := make([]string, c.tenants)
	for i := range ids {
		slug := fmt.Sprintf("c%03d", i)
		made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: slug}, nil)
		require.NoError(t, err)
		ids[i] = made.OperationID
		c.cast.all = append(c.cast.all, slug)
	}
	c.until("the tenants are not made", 10*time.Minute, func() bool {
		return value[int](c, `SELECT count(*) FROM tenantry.operations WHERE id = ANY ($1) AND state = 'succeeded'`, ids) == len(ids)
	})
}

// giveParts draws who plays what, and prepares them.
func (c *trial) giveParts() {
	c.t.Helper()
	t, f := c.t, c.fleet
	rest := append([]string{}, c.cast.all...)
	c.lot.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	take := func(n int) []string {
		taken := slices.Clone(rest[:n])
		rest = rest[n:]
		return taken
	}
	p := &c.cast
	// First: of those that are left at the end none may be on that node.
	held := slices.IndexFunc(rest, func(slug string) bool { return f.Tenant(t, slug).Node == c.scenes[0].Node.Name })
	require.GreaterOrEqual(t, held, 0, "nobody is on the first node")
	p.held = rest[held]
	rest = slices.Delete(rest, held, held+1)
	p.unknown = take(max(2, c.tenants*2/100))
	p.without = take(max(4, c.tenants/100)) // two of them fail in the same way on one side of the pause in the middle
	p.canaries = append(take(4), p.unknown[0])
	one := take(4)
	p.pinned, p.back, p.away, p.isolated = one[0], one[1], one[2], one[3]
	p.client = take(c.asked)
	p.builders = take(c.builders)
	phone := map[string]any{}
	for _, slug := range p.unknown {
		phone[slug] = "unknown"
	}
	for _, slug := range p.without {
		phone[slug] = nil
	}
	c.everywhere(p.all, func(ctx context.Context, slug string, conn *pgx.Conn) error {
		number, special := phone[slug]
		if !special {
			number = "+49 30 1"
		}
		_, err := conn.Exec(ctx, `
			WITH c AS (INSERT INTO customers (name, phone) VALUES ('somebody', $1) RETURNING id)
			INSERT INTO orders (customer_id, number) SELECT id, '1' FROM c`, number)
		return err
	})
	c.makeForms()
	require.NoError(t, rollout.Pin(t.Context(), f.Pool, f.Tenant(t, p.pinned).ID, fleettest.Release, "audit", "chaos", time.Now().Add(time.Hour)))
	f.Do(t, jobs.Suspend{Tenant: p.back})
	f.Do(t, jobs.Suspend{Tenant: p.away})
	_, err := f.Pool.Exec(t.Context(), `
		INSERT INTO tenantry.quarantines (tenant_id, release_id, evidence)
		SELECT $1, id, '{"code": "earlier"}' FROM tenantry.releases WHERE name = $2`, f.Tenant(t, p.isolated).ID, fleettest.Release)
	require.NoError(t, err)
	// Every operation may meet more deaths here than a deadly one would survive.
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '20' WHERE key = 'max_reaps'`)
	require.NoError(t, err)
}

// everywhere works in many tenants' databases as their application. Whose node is away just then is tried again, as a person would: while faults
// are about, what is done must be repeatable.
func (c *trial) everywhere(slugs []string, work func(ctx context.Context, slug string, conn *pgx.Conn) error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Minute)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, slug := range slugs {
		g.Go(func() error {
			for {
				err := c.within(ctx, slug, work)
				if gentle.Classify(err) != gentle.Transient {
					return err
				}
				select {
				case <-ctx.Done():
					return err
				case <-time.After(200 * time.Millisecond):
				}
			}
		})
	}
	require.NoError(c.t, g.Wait())
}

// within works in one tenant's database.
func (c *trial) within(ctx context.Context, slug string, work func(ctx context.Context, slug string, conn *pgx.Conn) error) error {
	tenant, err := c.fleet.Registry.Tenant(ctx, slug)
	if err != nil {
		return err
	}
	url, err := c.fleet.Registry.TenantURL(ctx, tenant.ID, tenants.RoleApp, false)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", slug, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := work(ctx, slug, conn); err != nil {
		return fmt.Errorf("work in %s: %w", slug, err)
	}
	return nil
}

// mend gives tenants a phone number that the release takes.
func (c *trial) mend(slugs ...string) {
	c.t.Helper()
	c.everywhere(slugs, func(ctx context.Context, _ string, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `UPDATE customers SET phone = '+49 30 2' WHERE phone = 'unknown' OR phone IS NULL`)
		return err
	})
}
