package fanout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/avenit/tenantry/tenants"
)

// Query asks tenants and gives each of their rows to take, one at a time, in no order. The registry needs the keys that open the tenants'
// passwords; of the control database it reads only.
//
// The report says of each tenant how it ended; one tenant's trouble is no error. An error is what ended the query for all: ctx, what take returned,
// a [StatementError], the control database. Then the report says how far it came. When Query returns, nothing of it runs on any server any more, as
// far as the servers could be reached.
func Query(ctx context.Context, reg *tenants.Registry, req Request, take func(Row) error) (Report, error) {
	begun := time.Now()
	req = req.withDefaults()
	if err := req.validate(); err != nil {
		return Report{}, fmt.Errorf("query tenants: %w", err)
	}
	text, err := bind(req.SQL, req.Params)
	if err != nil {
		return Report{}, fmt.Errorf("query tenants: %w", err)
	}
	homes, err := homesOf(ctx, reg, req)
	if err != nil {
		return Report{}, fmt.Errorf("query tenants: %w", err)
	}
	within, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &run{reg: reg, req: req, text: text, take: take, stop: stop, types: pgtype.NewMap(), outcomes: make([]Outcome, len(homes))}
	if len(req.Columns) > 0 {
		r.first, r.columns = "what is asked for", req.Columns
	}
	req.Begin(len(homes))
	var nodes sync.WaitGroup
	for _, n := range r.nodes(homes) {
		nodes.Go(func() { n.askAll(within) })
	}
	nodes.Wait()
	report := Report{Outcomes: r.outcomes, Columns: r.columns, Rows: r.rows, Took: time.Since(begun)}
	if cause := context.Cause(within); cause != nil {
		return report, fmt.Errorf("query tenants: %w", cause)
	}
	return report, nil
}

// homesOf reads where the tenants live that are to be asked: those that are active, or those that are named.
func homesOf(ctx context.Context, reg *tenants.Registry, req Request) ([]tenants.HomeOf, error) {
	filter := tenants.TenantFilter{States: []tenants.State{tenants.StateActive}, Labels: req.Labels, Slugs: req.Slugs, IDs: req.IDs}
	if len(req.Slugs)+len(req.IDs) > 0 {
		filter.States = nil
	}
	homes, err := reg.Homes(ctx, filter, tenants.RoleReadOnly)
	if err != nil || len(req.Slugs) == 0 || len(req.Labels) > 0 {
		return homes, err
	}
	var missing []string
	for _, slug := range req.Slugs {
		if !slices.ContainsFunc(homes, func(h tenants.HomeOf) bool { return h.Slug == slug }) {
			missing = append(missing, slug)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s: %w", strings.Join(missing, ", "), tenants.ErrNoTenant)
	}
	return homes, nil
}

// run is one query.
type run struct {
	reg  *tenants.Registry
	req  Request
	text bound
	take func(Row) error
	stop context.CancelCauseFunc // ends the query for all

	// mu makes the caller's functions be called one at a time. It guards what follows.
	mu       sync.Mutex
	types    *pgtype.Map
	columns  []Column
	first    string // who answered first: the others' columns must be the same
	answered bool   // somebody has
	rows     int64
	outcomes []Outcome
}

// nodes gives the tenants by node, in the order of slugs.
func (r *run) nodes(homes []tenants.HomeOf) []*node {
	byID := map[string]*node{}
	var list []*node
	for i := range homes {
		h := &homes[i]
		n := byID[h.NodeID]
		if n == nil {
			n = &node{run: r, home: h.Home}
			byID[h.NodeID] = n
			list = append(list, n)
		}
		n.asks = append(n.asks, ask{home: h.Home, unopened: h.Err, at: i})
	}
	return list
}

// otherColumnsError is the end of a tenant whose answer does not fit the first one's.
type otherColumnsError struct {
	got, want []Column
	first     string
}

func (e *otherColumnsError) Error() string {
	return fmt.Sprintf("returns other columns: %s, where %s has %s", columnText(e.got), e.first, columnText(e.want))
}

// tooManyError is the end of a tenant that gives more than was asked for.
type tooManyError struct{ rows, bytes int64 }

func (e *tooManyError) Error() string {
	if e.rows > 0 {
		return fmt.Sprintf("returns more than %d rows", e.rows)
	}
	return fmt.Sprintf("returns more than %d bytes", e.bytes)
}

// agree compares a tenant's columns with the first one's.
func (r *run) agree(slug string, columns []Column) ([]Column, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered = true
	if r.first == "" {
		r.first, r.columns = slug, columns
	}
	if !sameColumns(r.columns, columns) {
		return nil, &otherColumnsError{got: columns, want: r.columns, first: r.first}
	}
	return r.columns, nil
}

// give hands a row to the caller. Once the query has ended there are no more.
func (r *run) give(ctx context.Context, row Row) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	row.types = r.types
	if err := r.take(row); err != nil {
		r.stop(err)
		return err
	}
	r.rows++
	return nil
}

// end keeps how a tenant's part ended.
func (r *run) end(at int, o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[at] = o
	r.req.Ended(o)
}

// nobodyAnswered says that the text may still be at fault for what a tenant says of it.
func (r *run) nobodyAnswered() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.answered
}
