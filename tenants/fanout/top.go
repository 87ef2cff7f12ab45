package fanout

import (
	"fmt"
	"slices"
	"strings"
)

// Ranked is a row that is kept.
type Ranked struct {
	Tenant string
	Values [][]byte
}

// Top keeps the rows of all tenants that have the greatest values in a column. NULL does not count; equal values stand by tenant. It holds no more
// rows than it is to keep, for all and for each tenant that has not ended. It is not for several goroutines.
type Top struct {
	n      int
	column picked
	parts  map[string][]Ranked
	best   []Ranked
}

// NewTop keeps n rows by a column, "" for the only one that has numbers.
func NewTop(n int, column string) *Top {
	return &Top{n: n, column: picked{name: column, at: -1}, parts: map[string][]Ranked{}}
}

// Take looks at a row.
func (t *Top) Take(row Row) error {
	if err := t.column.find(row.Columns); err != nil {
		return fmt.Errorf("top: %w", err)
	}
	if row.Values[t.column.at] == nil {
		return nil
	}
	kept := t.parts[row.TenantID]
	if len(kept) >= t.n && !t.before(Ranked{row.Tenant, row.Values}, kept[len(kept)-1]) {
		return nil
	}
	values := make([][]byte, len(row.Values))
	for i, v := range row.Values {
		values[i] = slices.Clone(v)
	}
	t.parts[row.TenantID] = t.insert(kept, Ranked{row.Tenant, values})
	return nil
}

// Ended adds what a tenant has given, if it answered.
func (t *Top) Ended(o Outcome) {
	kept := t.parts[o.TenantID]
	delete(t.parts, o.TenantID)
	if o.State != Answered {
		return
	}
	for _, r := range kept {
		t.best = t.insert(t.best, r)
	}
}

// Rows gives the rows, the greatest first.
func (t *Top) Rows() []Ranked { return t.best }

func (t *Top) insert(list []Ranked, r Ranked) []Ranked {
	at, _ := slices.BinarySearchFunc(list, r, func(a, b Ranked) int {
		if t.before(b, a) {
			return 1
		}
		return -1
	})
	list = slices.Insert(list, at, r)
	return list[:min(len(list), t.n)]
}

// before says that a row stands before another.
func (t *Top) before(a, b Ranked) bool {
	by := compare(t.column.oid, a.Values[t.column.at], b.Values[t.column.at])
	if by == 0 {
		return strings.Compare(a.Tenant, b.Tenant) < 0
	}
	return by > 0
}
