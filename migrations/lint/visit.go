package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/avenit/tenantry/migrations/release"
)

// visit is one statement being judged.
type visit struct {
	*linter

	out   Statement
	locks map[*relation]LockMode
	// indexLocks are of statements that are about an index.
	indexLocks map[*index]LockMode
	work       []work
	// names are what relations and indexes were called when the statement began.
	names map[any]string
	// alone statements run outside of a transaction.
	alone bool
}

type work struct {
	table *relation
	kind  Work
}

// lock takes a lock on a relation.
func (v *visit) lock(r *relation, mode LockMode) {
	v.locks[r] = max(v.locks[r], mode)
	v.called(r, r.name)
}

// lockIndex takes a lock on an index, in a statement that is about it.
func (v *visit) lockIndex(x *index, mode LockMode) {
	v.indexLocks[x] = max(v.indexLocks[x], mode)
	v.called(x, x.name)
}

// called keeps the name that something had when it was first met.
func (v *visit) called(what any, n name) {
	if _, there := v.names[what]; !there {
		v.names[what] = n.String()
	}
}

// lockFamily takes a lock on a table and on what inherits from it.
func (v *visit) lockFamily(r *relation, mode LockMode) {
	for _, member := range v.schema.family(r) {
		v.lock(member, mode)
	}
}

// does notes work on a table; parted tables pass it on to their partitions.
func (v *visit) does(r *relation, kind Work) {
	for _, member := range v.schema.family(r) {
		w := work{member, kind}
		if !member.parted && !slices.Contains(v.work, w) {
			v.work = append(v.work, w)
			v.called(member, member.name)
		}
	}
}

// find notes a finding about a relation, unless nobody can be waiting for it.
func (v *visit) find(r *relation, rule, problem, instead string) {
	if !v.first && (r == nil || !r.fresh) {
		v.note(rule, problem, instead)
	}
}

// note notes a finding.
func (v *visit) note(rule, problem, instead string) {
	v.out.Findings = append(v.out.Findings, Finding{Rule: rule, Severity: severities[rule], Problem: problem, Instead: instead})
}

// unknown says that the verdict may not be all.
func (v *visit) unknown(problem string) {
	v.out.Unknown = true
	if !v.first {
		v.note("unknown", problem, tryIt)
	}
}

// finish writes the verdict down.
func (v *visit) finish() Statement {
	v.out.Locks = []Lock{}
	for r, mode := range v.locks {
		v.out.Locks = append(v.out.Locks, Lock{Relation: v.names[r], Mode: mode, New: r.fresh})
	}
	for x, mode := range v.indexLocks {
		v.out.Locks = append(v.out.Locks, Lock{Relation: v.names[x], Mode: mode, New: x.table != nil && x.table.fresh})
	}
	slices.SortFunc(v.out.Locks, func(a, b Lock) int {
		return cmp.Or(cmp.Compare(b.Mode, a.Mode), strings.Compare(a.Relation, b.Relation))
	})
	for _, w := range v.work {
		v.out.Effects = append(v.out.Effects, Effect{
			Relation: v.names[w.table], Work: w.kind, New: w.table.fresh, Estimate: v.sizes.estimate(w.table.name, w.kind),
		})
	}
	return v.out
}

// shownSQL is how much of a statement is shown, in characters.
const shownSQL = 120

func newVisit(l *linter, file release.File, statement release.Statement) *visit {
	text := strings.Join(strings.Fields(statement.SQL), " ")
	if utf8.RuneCountInString(text) > shownSQL {
		text = string([]rune(text)[:shownSQL-1]) + "…"
	}
	return &visit{
		linter:     l,
		out:        Statement{File: file.Name, No: statement.No, Line: statement.Line, SQL: text},
		locks:      map[*relation]LockMode{},
		indexLocks: map[*index]LockMode{},
		names:      map[any]string{},
		alone:      !file.Transactional,
	}
}

func sortedRelations[T any](of map[*relation]T) []*relation {
	return slices.SortedFunc(maps.Keys(of), func(a, b *relation) int { return compareNames(a.name, b.name) })
}

func compareNames(a, b name) int {
	return cmp.Or(strings.Compare(a.schema, b.schema), strings.Compare(a.name, b.name))
}

// about names a statement's object in a problem.
func about(r *relation, mode LockMode) string {
	return fmt.Sprintf("%s on %s, so that %s wait", mode, r.name, mode.blocked())
}
