package workers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

var atCovered = crashpoint.New("cover.recorded")

const (
	// coverParallel is how many databases are looked into at a time.
	coverParallel = 4
	// coverTogether is how many tenants are recorded together.
	coverTogether = 100
	// countedWithin is how recent it must be that a tenant is known not to have changed: tenantry.backups_due does without a backup then.
	countedWithin = 10 * time.Minute
	// mostChanged is how many tenants the result names.
	mostChanged = 100
)

// covered is the result of looking which tenants have not changed.
type covered struct {
	// Tenants are those whose newest backup is verified and may stand for them, Covered those of them that have not changed since.
	Tenants int `json:"tenants"`
	Covered int `json:"covered"`
	// Changed says of the others why they need another backup, of the first hundred.
	Changed []changed `json:"changed"`
}

type changed struct {
	Tenant string `json:"tenant"`
	Why    string `json:"why"`
}

// coverBackups records of tenants that have not changed since their newest backup, and that is verified, up to when that is known. Nothing is dumped.
func (t *toolbox) coverBackups(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.CoverBackups](r)
	if err != nil {
		return done{}, err
	}
	store, err := t.vault.openStore(ctx)
	if err != nil {
		return done{}, err
	}
	bases, err := t.vault.catalog.Bases(ctx, store.URL(), a.Only)
	if err != nil {
		return done{}, err
	}
	if len(bases) == 0 && a.Only != "" {
		tenant, err := t.reg.Tenant(ctx, a.Only)
		if err != nil {
			return done{}, err
		}
		why := "its newest backup is not verified, older than the setting backup_unchanged, in another store, or of another database"
		return done{result: covered{Changed: []changed{{tenant.Slug, why}}}}, nil
	}
	slugs := make([]string, len(bases))
	for i, b := range bases {
		slugs[i] = b.Tenant
	}
	homes, err := t.reg.Homes(ctx, tenants.TenantFilter{Slugs: slugs}, tenants.RoleMigrator)
	if err != nil {
		return done{}, err
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	c := coverer{toolbox: t, run: r, store: store, homes: map[string]tenants.HomeOf{}, result: covered{Tenants: len(bases), Changed: []changed{}}, progress: progress}
	for _, h := range homes {
		c.homes[h.DatabaseID] = h
	}
	byNode := map[string][]backup.Base{}
	for _, b := range bases {
		byNode[b.NodeID] = append(byNode[b.NodeID], b)
	}
	group, within := errgroup.WithContext(ctx)
	for id, list := range byNode {
		group.Go(func() error { return c.node(within, id, list) })
	}
	if err := group.Wait(); err != nil {
		return done{}, err
	}
	return done{result: c.result}, nil
}

// coverer is one attempt of it.
type coverer struct {
	*toolbox

	run      *run
	store    *backup.Store
	homes    map[string]tenants.HomeOf // by the database's id
	progress func(done, total int64, what string)

	mu     sync.Mutex
	looked int
	result covered
}

// say counts a tenant: why is "" for one that is covered.
func (c *coverer) say(b backup.Base, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked++
	switch {
	case why == "":
		c.result.Covered++
	case len(c.result.Changed) < mostChanged:
		c.result.Changed = append(c.result.Changed, changed{b.Tenant, why})
	}
	c.progress(int64(c.looked), int64(c.result.Tenants), "look for changes")
}

// node looks at the tenants of one node. An error is one of the control database, or the run's end: what a node does not answer asks for backups.
func (c *coverer) node(ctx context.Context, id string, bases []backup.Base) error {
	node, err := c.reg.Node(ctx, id)
	if err != nil {
		return err
	}
	names := make([]string, len(bases))
	for i, b := range bases {
		names[i] = b.Database
	}
	list, err := c.prov.Counted(ctx, node, names)
	if err != nil && ctx.Err() != nil {
		return err
	}
	of := map[string]provision.Counted{}
	for _, one := range list {
		of[one.Name] = one
	}
	var unchanged []backup.Covered
	for _, b := range bases {
		now, known := of[b.Database]
		if !known {
			c.say(b, fmt.Sprintf("node %s does not say what it has counted", node.Name))
			continue
		}
		if why := changedSince(b, now); why != "" {
			c.say(b, why)
			continue
		}
		unchanged = append(unchanged, backup.Covered{Base: b, Until: *now.Until})
	}
	for some := range slices.Chunk(unchanged, coverTogether) {
		if err := c.cover(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// changedSince says why a tenant may have changed since a backup, by what its node has counted; "" is that it has not, but for its sequences.
func changedSince(b backup.Base, now provision.Counted) string {
	if b.Evidence == nil {
		return "what was counted before its newest backup is not known"
	}
	if why := b.Evidence.Changed(now.Counters, now.Settings); why != "" {
		return why
	}
	if now.Until == nil || now.At.Sub(*now.Until) > countedWithin || !now.Until.After(b.At) {
		return "a session is busy in it, and it is not known yet what that has changed"
	}
	return ""
}

// cover looks at the sequences of tenants, and whether their backups are there, and records of those that have not changed.
func (c *coverer) cover(ctx context.Context, list []backup.Covered) error {
	whys := make([]string, len(list))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(coverParallel)
	for i, b := range list {
		group.Go(func() error {
			why, err := c.sequencesChanged(within, b.Base)
			if err == nil && why == "" {
				err = b.There(within, c.store)
			}
			if within.Err() != nil {
				return err
			}
			if err != nil {
				why = "it cannot be looked at: " + clean(err.Error())
			}
			whys[i] = why
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var unchanged []backup.Covered
	for i, b := range list {
		if whys[i] == "" {
			unchanged = append(unchanged, b)
		}
	}
	var recorded []string
	err := c.run.change(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		recorded, err = backup.Cover(ctx, tx, unchanged)
		return err
	})
	atCovered.Hit(ctx)
	if err != nil {
		return err
	}
	for i, b := range list {
		if whys[i] == "" && !slices.Contains(recorded, b.ID) {
			whys[i] = "meanwhile its backup does not stand for it any more"
		}
		c.say(b.Base, whys[i])
	}
	return nil
}

func (c *coverer) sequencesChanged(ctx context.Context, b backup.Base) (string, error) {
	if len(b.Evidence.Sequences) == 0 {
		return "", nil
	}
	if b.State == tenants.StateSuspended {
		if b.Evidence.StoodStill(b.Epoch) {
			return "", nil
		}
		return "its newest backup is of before it was suspended, and nobody gets in to look where its sequences stand", nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	home, there := c.homes[b.DatabaseID]
	if !there {
		return "it lives in another database by now", nil
	}
	if home.Err != nil {
		return "", home.Err
	}
	conn, err := c.admin.Connect(ctx, home.Node(), home.DatabaseName, home.Login.Username, home.Login.Password, c.run)
	if err != nil {
		return "", err
	}
	defer hangUp(ctx, conn)
	return b.Evidence.SequencesChanged(ctx, conn, home.Database().Owner())
}
