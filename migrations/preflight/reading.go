package preflight

import (
	"fmt"
	"sync"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/release"
)

// step is a statement that a database lacks, with what it does.
type step struct {
	left    apply.Left
	effects release.Effects
	// unread is why its effects are not known, "" when they are.
	unread string
}

// place names a step to a person.
func (s step) place() string { return fmt.Sprintf("%s:%d", s.left.File.Name, s.left.Statement.Line) }

// reading keeps what statements do; each is parsed once, and none that no tenant lacks.
type reading struct {
	mu   sync.Mutex
	seen map[*release.Statement]step
}

func newReading() *reading { return &reading{seen: map[*release.Statement]step{}} }

func (r *reading) steps(left []apply.Left) []step {
	r.mu.Lock()
	defer r.mu.Unlock()
	steps := make([]step, len(left))
	for i, l := range left {
		s, ok := r.seen[l.Statement]
		if !ok {
			var err error
			if s.effects, err = release.EffectsOf(l.Statement.SQL); err != nil {
				s.unread, s.effects = err.Error(), release.Effects{Opaque: true}
			}
			r.seen[l.Statement] = s
		}
		s.left = l
		steps[i] = s
	}
	return steps
}

// names are the tables that steps speak of, each once, those of foreign keys too.
func names(steps []step) []release.Name {
	var list []release.Name
	seen := map[release.Name]bool{}
	add := func(n release.Name) {
		if n.Name != "" && !seen[n] {
			seen[n] = true
			list = append(list, n)
		}
	}
	for _, s := range steps {
		for _, t := range s.effects.Tables {
			add(t.Name)
			for _, need := range t.Needs {
				add(need.References)
			}
		}
	}
	return list
}

// extensions are those that steps make.
func extensions(steps []step) []string {
	var list []string
	for _, s := range steps {
		if s.effects.Extension != nil {
			list = append(list, s.effects.Extension.Name)
		}
	}
	return list
}
