package workers

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

var (
	atMeasured  = crashpoint.New("measure.recorded")
	atForgotten = crashpoint.New("measure.forgotten")
)

const (
	// measureTogether is how many databases of a node are measured in one round trip: the server looks at every file of them.
	measureTogether = 200
	// measureTimeout bounds that.
	measureTimeout = time.Minute
	// measureNodes is how many nodes are asked at a time.
	measureNodes = 8
)

// measured is the result of measuring all tenants.
type measured struct {
	Tenants  int `json:"tenants"`
	Measured int `json:"measured"`
	// Missed are those that were not, by node and why.
	Missed []missed `json:"missed"`
	// Forgotten is how many days' statistics were deleted, because they were kept for long enough.
	Forgotten int64 `json:"forgotten"`
}

type missed struct {
	Node string `json:"node"`
	Why  string `json:"why"`
	// Count is how many tenants, of which the first hundred are named.
	Count   int      `json:"count"`
	Tenants []string `json:"tenants"`
}

// measure asks every node how large the databases of its tenants are, and what was done in them, and records that. Who cannot be measured now is measured tomorrow: what was
// done counts then. Nothing is counted twice, however often it runs, or several at a time.
func (t *toolbox) measure(ctx context.Context, r *run) (done, error) {
	list, err := t.reg.Measurable(ctx)
	if err != nil {
		return done{}, err
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	m := measurer{toolbox: t, run: r, progress: progress, result: measured{Tenants: len(list), Missed: []missed{}}}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(measureNodes)
	for len(list) > 0 {
		n := len(list)
		if other := slices.IndexFunc(list, func(l tenants.Measurable) bool { return l.NodeID != list[0].NodeID }); other > 0 {
			n = other
		}
		ofNode := list[:n]
		list = list[n:]
		group.Go(func() error { return m.node(within, ofNode) })
	}
	if err := group.Wait(); err != nil {
		return done{}, err
	}
	if err := m.forget(ctx); err != nil {
		return done{}, err
	}
	slices.SortFunc(m.result.Missed, func(a, b missed) int { return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(a.Why, b.Why)) })
	return done{result: m.result}, nil
}

// measurer is one attempt of it.
type measurer struct {
	*toolbox

	run      *run
	progress func(done, total int64, what string)

	mu     sync.Mutex
	looked int
	result measured
}

// node measures the tenants of one node. An error is one of the control database, or the run's end.
func (m *measurer) node(ctx context.Context, list []tenants.Measurable) error {
	node, err := m.reg.Node(ctx, list[0].NodeID)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		some := list[:min(measureTogether, len(list))]
		found, err := m.ask(ctx, node, some)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			// Whoever asks on waits as long again.
			m.miss(node, clean(err.Error()), list)
			return nil
		}
		if err := m.record(ctx, node, some, found); err != nil {
			return err
		}
		list = list[len(some):]
	}
	return nil
}

func (m *measurer) ask(ctx context.Context, node tenants.Node, some []tenants.Measurable) (map[string]provision.Measure, error) {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	names := make([]string, len(some))
	for i, l := range some {
		names[i] = l.Database
	}
	list, err := m.prov.Measure(ctx, node, names)
	found := make(map[string]provision.Measure, len(list))
	for _, one := range list {
		found[one.Name] = one
	}
	return found, err
}

func (m *measurer) record(ctx context.Context, node tenants.Node, some []tenants.Measurable, found map[string]provision.Measure) error {
	var looks []tenants.Measured
	var gone []tenants.Measurable
	for _, l := range some {
		if now, is := found[l.Database]; is {
			looks = append(looks, tenants.Measured{Measurable: l, Bytes: now.Bytes, Now: now.Activity, Seen: now.Seen})
		} else {
			gone = append(gone, l)
		}
	}
	if len(gone) > 0 {
		m.miss(node, "the node does not have its database", gone)
	}
	err := m.run.change(ctx, func(ctx context.Context, tx pgx.Tx) error { return tenants.RecordMeasured(ctx, tx, looks) })
	atMeasured.Hit(ctx)
	if err != nil {
		return err
	}
	m.count(len(looks), node)
	return nil
}

func (m *measurer) count(n int, node tenants.Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looked += n
	m.result.Measured += n
	m.progress(int64(m.looked), int64(m.result.Tenants), node.Name)
}

func (m *measurer) miss(node tenants.Node, why string, list []tenants.Measurable) {
	one := missed{Node: node.Name, Why: why, Count: len(list)}
	for _, l := range list[:min(len(list), mostChanged)] {
		one.Tenants = append(one.Tenants, l.Slug)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looked += len(list)
	m.result.Missed = append(m.result.Missed, one)
}

// forget deletes statistics that are kept for long enough.
func (m *measurer) forget(ctx context.Context) error {
	for {
		var n int64
		err := m.run.change(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			n, err = tenants.ForgetMeasured(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
		atForgotten.Hit(ctx)
		m.result.Forgotten += n
		if n == 0 {
			return nil
		}
	}
}
