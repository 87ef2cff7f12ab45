package lint

import (
	"fmt"

	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
)

// Release lints what a release adds to an older one that it extends. What the older one holds is read for what it says of the
// schema, and is not linted: it is applied. A nil old means that nothing was published before: databases are empty then.
func Release(old, rel *release.Release, sizes []tenants.LargestTable) (*Report, error) {
	if old == nil {
		return run(rel, &linter{first: true, sizes: newSizes(sizes)}, 0)
	}
	return After(rel, shared(old, rel), sizes)
}

// shared is how many files two releases begin with that are the same.
func shared(old, rel *release.Release) int {
	count := 0
	for count < min(len(old.Files), len(rel.Files)) && old.Files[count].Checksum == rel.Files[count].Checksum {
		count++
	}
	return count
}

// After lints the files from a position on, counted from 0; those before it are taken for applied.
func After(rel *release.Release, applied int, sizes []tenants.LargestTable) (*Report, error) {
	return run(rel, &linter{sizes: newSizes(sizes)}, applied)
}

// Every lints all files, each as if those before it had been applied long ago and their tables were full.
func Every(rel *release.Release, sizes []tenants.LargestTable) (*Report, error) {
	return run(rel, &linter{every: true, sizes: newSizes(sizes)}, 0)
}

// linter goes through a release.
type linter struct {
	// first: there is nothing before, so all relations are fresh. every: a relation is fresh in its own file only.
	first, every bool
	sizes        sizes
	schema       *schema
	// fresh says whether what is made now is.
	fresh bool
	tx    *transaction
	// later are the statements that follow in the same transaction.
	later []parsed
}

func run(rel *release.Release, l *linter, from int) (*Report, error) {
	l.schema = newSchema()
	l.schema.empty = l.first
	report := &Report{First: l.first, Statements: []Statement{}}
	for i, file := range rel.Files {
		l.fresh = i >= from
		l.schema.path = []string{"public"}
		verdicts, err := l.file(file)
		if err != nil {
			return nil, err
		}
		if i >= from {
			report.Statements = append(report.Statements, verdicts...)
		}
		if l.every {
			l.schema.age()
		}
	}
	return report, nil
}

// age makes every relation one that was there before.
func (s *schema) age() {
	for _, r := range s.relations {
		r.fresh = false
	}
}

func (l *linter) file(file release.File) ([]Statement, error) {
	l.tx = newTransaction()
	verdicts := make([]Statement, 0, len(file.Statements))
	trees, err := parse(file)
	if err != nil {
		return nil, err
	}
	for i, statement := range file.Statements {
		l.later = trees[i+1:]
		if !file.Transactional {
			l.tx, l.later = newTransaction(), nil
		}
		v := newVisit(l, file, statement)
		v.statement(trees[i].node, trees[i].tree, statement.SQL)
		l.tx.take(v)
		v.allow(statement.Directives)
		verdicts = append(verdicts, v.finish())
	}
	return verdicts, nil
}

// parsed is a statement's parse tree and the name of its root.
type parsed struct {
	node string
	tree tree
}

func parse(file release.File) ([]parsed, error) {
	trees := make([]parsed, len(file.Statements))
	for i, statement := range file.Statements {
		node, root, err := release.Parse(statement.SQL)
		if err != nil {
			return nil, fmt.Errorf("lint %s:%d: %w", file.Name, statement.Line, err)
		}
		trees[i] = parsed{node, root}
	}
	return trees, nil
}

// statement judges one parse tree.
func (v *visit) statement(node string, t tree, sql string) {
	v.lookAtNames(t, sql)
	handle := handler(node)
	if handle == nil {
		v.unknown(node + " is a statement that the linter does not know")
		return
	}
	handle(v, t)
}
