package workers_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers/fleettest"
)

// twoNodes is a fleet on two servers.
func twoNodes(t *testing.T, change ...func(*provision.NodeSpec)) (f *fleettest.Fleet, eu, us tenants.Node) {
	t.Helper()
	f = fleettest.New(t)
	spec := func(region, tier string) func(*provision.NodeSpec) {
		return func(s *provision.NodeSpec) {
			s.Region, s.Labels = &region, map[string]string{"tier": tier, "disk": "ssd"}
			for _, c := range change {
				c(s)
			}
		}
	}
	eu = f.Node(t, "eu-1", spec("eu", "small"))
	us = f.NodeAt(t, fleettest.SecondServerURL(t), "us-1", spec("us", "big"))
	return f, eu, us
}

// requireRefused looks at the class of a refusal, the field it names and that it says the way out.
func requireRefused(t *testing.T, err, class error, field string) {
	t.Helper()
	require.ErrorIs(t, err, class)
	refused, ok := errors.AsType[*jobs.Error](err)
	require.True(t, ok)
	require.Equal(t, field, refused.Field, refused.Message)
	require.NotEmpty(t, refused.Fix)
}

func TestPlacementByWish(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, eu, us := twoNodes(t)
	cases := []struct {
		args  jobs.Provision
		node  string
		class error
		field string
	}{
		{args: jobs.Provision{Node: "us-1"}, node: "us-1"},
		{args: jobs.Provision{Node: "eu-1"}, node: "eu-1"},
		{args: jobs.Provision{Region: "us"}, node: "us-1"},
		{args: jobs.Provision{Region: "eu"}, node: "eu-1"},
		{args: jobs.Provision{NodeLabels: map[string]string{"tier": "big"}}, node: "us-1"},
		{args: jobs.Provision{NodeLabels: map[string]string{"tier": "small", "disk": "ssd"}}, node: "eu-1"},
		{args: jobs.Provision{Region: "us", Node: "us-1", NodeLabels: map[string]string{"disk": "ssd"}}, node: "us-1"},
		{args: jobs.Provision{Region: "mars"}, class: jobs.ErrRefused, field: "region"},
		{args: jobs.Provision{Node: "nowhere"}, class: jobs.ErrNotFound, field: "node"},
		{args: jobs.Provision{Node: "eu-1", Region: "us"}, class: jobs.ErrRefused, field: "node"},
		{args: jobs.Provision{NodeLabels: map[string]string{"tier": "huge"}}, class: jobs.ErrRefused, field: "node_labels"},
		{args: jobs.Provision{NodeLabels: map[string]string{"tier": "big"}, Region: "eu"}, class: jobs.ErrRefused, field: "region"},
	}
	placed := map[string]string{}
	for i, c := range cases {
		c.args.Slug = fmt.Sprintf("t%d", i)
		made, err := f.Jobs.CreateTenant(ctx, c.args, nil)
		if c.class != nil {
			requireRefused(t, err, c.class, c.field)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.node, made.Node, "%+v", c.args)
		placed[made.Database] = c.node
	}
	f.Worker(t)
	for i, c := range cases {
		if c.class == nil {
			f.Do(t, jobs.Rotate{Tenant: fmt.Sprintf("t%d", i)}) // its turn comes after provisioning
		}
	}
	for node, server := range map[string]string{eu.Name: fleettest.ServerURL(t), us.Name: fleettest.SecondServerURL(t)} {
		conn, err := pgx.Connect(ctx, server)
		require.NoError(t, err)
		for database, home := range placed {
			var there bool
			require.NoError(t, conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, database).Scan(&there))
			require.Equal(t, home == node, there, "%s belongs on %s", database, home)
		}
		require.NoError(t, conn.Close(ctx))
	}
}

func TestPlacementSpreadsByRoom(t *testing.T) {
	t.Parallel()
	f, eu, us := twoNodes(t)
	create := func(n int, slug string) map[string]int {
		homes := map[string]int{}
		for i := range n {
			made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: fmt.Sprintf("%s%d", slug, i)}, nil)
			require.NoError(t, err)
			homes[made.Node]++
		}
		return homes
	}
	require.Equal(t, map[string]int{eu.Name: 5, us.Name: 5}, create(10, "a"))
	// Room is relative to what a node may hold: one of a hundred is fuller than one of three hundred.
	execControl(t, f, `UPDATE tenantry.nodes SET max_tenants = CASE name WHEN 'eu-1' THEN 100 ELSE 300 END`)
	require.Equal(t, map[string]int{eu.Name: 0, us.Name: 10}, withZero(create(10, "b"), eu.Name))
}

func withZero(m map[string]int, key string) map[string]int {
	m[key] += 0
	return m
}

func TestPlacementRespectsLimits(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, _, us := twoNodes(t, func(s *provision.NodeSpec) {
		if *s.Region == "eu" {
			s.MaxTenants = new(5)
		}
	})
	// Twenty at once for five places.
	var crew sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		crew.Go(func() {
			_, errs[i] = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: fmt.Sprintf("t%d", i), Node: "eu-1"}, nil)
		})
	}
	crew.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		requireRefused(t, err, jobs.ErrRefused, "node")
	}
	require.Equal(t, 5, made)
	_, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "late", Region: "eu"}, nil)
	requireRefused(t, err, jobs.ErrRefused, "region")
	elsewhere, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "elsewhere"}, nil)
	require.NoError(t, err)
	require.Equal(t, us.Name, elsewhere.Node, "the full node is passed over")

	// A tenant that is purged gives its place back.
	f.Worker(t)
	slug := scan[string](t, f, `SELECT slug FROM tenantry.tenants ORDER BY id LIMIT 1`)
	f.Do(t, jobs.Purge{Tenant: slug, Confirm: slug})
	_, err = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "late", Region: "eu"}, nil)
	require.NoError(t, err)
}

func TestPlacementPassesOverDrainingNodes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, eu, us := twoNodes(t, func(s *provision.NodeSpec) {
		if *s.Region == "eu" {
			s.WarmTarget = new(1)
		}
	})
	f.Worker(t)
	awaitWarm(t, f, 1)
	_, err := f.Registry.SetNodeState(ctx, eu.ID, tenants.NodeDraining) // a claim from here on gets none, though it may not be dropped yet
	require.NoError(t, err)
	for i := range 3 {
		made, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: fmt.Sprintf("t%d", i)}, nil)
		require.NoError(t, err)
		require.Equal(t, us.Name, made.Node, "a draining node takes no new tenants, not even into a warm database")
	}
	_, err = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "wish", Node: eu.Name}, nil)
	requireRefused(t, err, jobs.ErrRefused, "node")
	_, err = f.Registry.SetNodeState(ctx, us.ID, tenants.NodeDraining)
	require.NoError(t, err)
	_, err = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "nowhere"}, nil)
	require.ErrorIs(t, err, jobs.ErrRefused)
	awaitWarm(t, f, 0)
	_, err = f.Registry.SetNodeState(ctx, eu.ID, tenants.NodeActive)
	require.NoError(t, err)
	awaitWarm(t, f, 1)
	made, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "wish"}, nil)
	require.NoError(t, err)
	require.Equal(t, eu.Name, made.Node)
	require.Equal(t, "active", made.State)
}

// A warm database is taken where there is one, but only on a node that fits.
func TestPlacementPrefersWarmDatabases(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, eu, us := twoNodes(t, func(s *provision.NodeSpec) {
		if *s.Region == "eu" {
			s.WarmTarget = new(3)
		}
	})
	rt := f.Worker(t)
	awaitWarm(t, f, 3)
	rt.Stop()
	create := func(args jobs.Provision) (node, state string) {
		made, err := f.Jobs.CreateTenant(ctx, args, nil)
		require.NoError(t, err)
		return made.Node, made.State
	}
	node, state := create(jobs.Provision{Slug: "a", Node: eu.Name})
	require.Equal(t, []string{eu.Name, "active"}, []string{node, state})
	node, state = create(jobs.Provision{Slug: "b"})
	require.Equal(t, []string{eu.Name, "active"}, []string{node, state}, "the other node has more room but nothing warm")
	node, state = create(jobs.Provision{Slug: "c", Region: "us"})
	require.Equal(t, []string{us.Name, "requested"}, []string{node, state}, "the warm one is in the wrong region")
	node, state = create(jobs.Provision{Slug: "d"})
	require.Equal(t, []string{eu.Name, "active"}, []string{node, state})
	node, state = create(jobs.Provision{Slug: "e"})
	require.Equal(t, []string{us.Name, "requested"}, []string{node, state}, "nothing is warm any more: the node with the most room")
}
