package preflight

import (
	"fmt"
	"slices"

	"github.com/avenit/tenantry/migrations/release"
)

// judgement is what follows from comparing the steps with what is there.
type judgement struct {
	findings  []Finding
	questions []question
	touched   []touched
}

// touched is a table that is there and that steps change or lock.
type touched struct {
	name   string // for people
	quoted string
	family []uint32
	bytes  int64
	// rewrites is how often it is written anew; rewriteBytes what that writes.
	rewrites     int
	rewriteBytes int64
	// columns are used up already, and added ones come.
	columns, added int
	// foreign: it was told that the owner does not own it.
	foreign bool
}

// The limits of columns, dropped ones included.
const (
	mostColumns = 1600
	manyColumns = 1200
)

// judge compares what the steps do, one after the other, with what is there. It is pure.
func judge(f facts, steps []step) judgement {
	var j judgement
	w := newWorld(f)
	for i, s := range steps {
		j.checks(s, i == 0)
		j.extension(w, s)
		for _, t := range s.effects.Tables {
			j.table(w, s, t)
		}
		w.after(s)
	}
	for _, t := range j.touched {
		j.budget(t)
	}
	j.flaws(f, steps)
	return j
}

func (j *judgement) add(f Finding) { j.findings = append(j.findings, f) }

// table judges what one step does to one table.
func (j *judgement) table(w *world, s step, t release.TableEffects) {
	there, c := w.table(t.Name)
	known := !w.opaque && !w.vague && w.readable(s, t.Name)
	if t.Makes {
		if there != nil && known && !c.made && !t.Optional && !t.Temporary {
			j.add(blocking(AlreadyThere, fmt.Sprintf("%s makes %s, which is there already", s.place(), there.said), "",
				"rename or drop what is there, or write IF NOT EXISTS"))
		}
		return
	}
	if there == nil {
		switch {
		case !known || c.made:
			j.needs(w, s, t)
		case !t.Optional:
			j.add(blocking(Missing, fmt.Sprintf("%s needs the table %s, which is not there", s.place(), t.Name), "",
				"the database was changed by hand: make the table, or restore it"))
		}
		return
	}
	j.touch(w, s, t, there, c)
	j.needs(w, s, t)
}

// touch judges what a step does to a table that was there before the release.
func (j *judgement) touch(w *world, s step, t release.TableEffects, there *table, c *change) {
	at := slices.IndexFunc(j.touched, func(x touched) bool { return x.name == there.said })
	if at < 0 {
		at = len(j.touched)
		j.touched = append(j.touched, touched{name: there.said, quoted: there.name, family: there.family, bytes: there.bytes, columns: there.attributes})
	}
	to := &j.touched[at]
	if t.Owned && !there.owned && !to.foreign && !w.opaque {
		to.foreign = true
		j.add(blocking(NotOwned, fmt.Sprintf("%s changes %s, which the tenant's owner does not own", s.place(), there.said), "",
			"as a superuser: ALTER TABLE "+there.name+" OWNER TO the database's owner"))
	}
	if t.Rewrites || slices.ContainsFunc(t.Retypes, func(r release.Retype) bool { return rewritten(r, there.columns) }) {
		to.rewrites++
	}
	for _, a := range t.Adds {
		_, has := there.columns[a.Name]
		has = has && !slices.Contains(c.unknown, a.Name)
		switch {
		case has && !a.Optional && !w.opaque:
			j.add(blocking(AlreadyThere, fmt.Sprintf("%s adds the column %s to %s, which has it already", s.place(), a.Name, there.said), "",
				"rename or drop what is there, or write IF NOT EXISTS"))
		case !has:
			to.added++
		}
	}
}

// budget tells when a table's columns pass a limit.
func (j *judgement) budget(t touched) {
	const fix = "build the table anew (a new table, a copy, a swap): dropped columns count, and VACUUM FULL does not free them"
	after := t.columns + t.added
	detail := fmt.Sprintf("%d of %d with the release", after, mostColumns)
	switch {
	case t.added == 0 || after <= manyColumns:
	case after > mostColumns:
		j.add(blocking(ColumnBudget, t.name+" has no room for the release's columns", detail, fix))
	default:
		j.add(warning(ColumnBudget, t.name+" uses most of its columns", detail, fix))
	}
}

// rewritten reports whether a change of type writes the table anew, as far as that is known: what is not is taken to.
func rewritten(r release.Retype, columns map[string]column) bool {
	have, known := columns[r.Column]
	if !known || r.Using {
		return true
	}
	had := modsOf(have)
	widens := len(r.Mods) == 0 || (len(had) > 0 && r.Mods[0] >= had[0])
	switch {
	case have.Type == r.Type && slices.Equal(had, r.Mods):
		return false
	case have.Type == "varchar" && (r.Type == "text" || (r.Type == "varchar" && widens)), have.Type == "text" && r.Type == "varchar" && len(r.Mods) == 0:
		return false
	case have.Type == "numeric" && r.Type == "numeric":
		return !widens || (len(r.Mods) > 0 && scale(had) != scale(r.Mods))
	default:
		return true
	}
}

// modsOf reads a type's modifiers as they are written.
func modsOf(c column) []int {
	switch {
	case c.Mod < 4:
		return nil
	case c.Type == "varchar" || c.Type == "bpchar":
		return []int{c.Mod - 4}
	case c.Type == "numeric":
		return []int{(c.Mod - 4) >> 16 & 0xffff, (c.Mod - 4) & 0x7ff}
	default:
		return []int{c.Mod}
	}
}

func scale(mods []int) int {
	if len(mods) < 2 {
		return 0
	}
	return mods[1]
}

func (j *judgement) extension(w *world, s step) {
	e := s.effects.Extension
	if e == nil || w.opaque {
		return
	}
	have := w.facts.extensions[e.Name]
	version := e.Version
	if version == "" {
		version = have.standard
	}
	what := fmt.Sprintf("%s needs the extension %s", s.place(), e.Name)
	switch {
	case have.installed != "" && e.IfNotExists:
	case have.installed != "":
		j.add(blocking(NoExtension, what+", which the database has already", "version "+have.installed, "write IF NOT EXISTS"))
	case have.standard == "" && len(have.versions) == 0:
		j.add(blocking(NoExtension, what+", which its server does not have", "", "install the extension's package on the node"))
	case !slices.Contains(have.versions, version):
		j.add(blocking(NoExtension, fmt.Sprintf("%s in version %s, which its server does not have", what, version), "", "install that version on the node"))
	case !slices.Contains(have.trusted, version):
		j.add(blocking(NoExtension, what+", which only a superuser may create", "", "create it as a superuser in the tenants' databases, and write IF NOT EXISTS"))
	}
}

// flaws are what is wrong with the database whatever the release does.
func (j *judgement) flaws(f facts, steps []step) {
	rebuilt, validated := map[string]bool{}, map[string]bool{}
	for _, s := range steps {
		if a := s.left.Statement.Alone; a != nil && a.Index != "" {
			rebuilt[a.Index] = true
		}
		for _, t := range s.effects.Tables {
			for _, need := range t.Needs {
				validated[need.Constraint] = validated[need.Constraint] || need.Kind == release.NeedValid
			}
		}
	}
	for _, x := range f.invalid {
		if !rebuilt[x.Index] { // applying looks for an invalid index of that name itself
			j.add(warning(InvalidIndex, fmt.Sprintf("the index %s on %s is invalid: no query uses it, and every write pays for it", x.Index, x.Table), "",
				"REINDEX INDEX CONCURRENTLY "+sqlName(release.Name{Schema: x.Schema, Name: x.Index})+", or drop it"))
		}
	}
	for _, k := range f.unvalidated {
		if !validated[k.Name] {
			j.add(warning(NotValidated, fmt.Sprintf("the constraint %s on %s is not validated", k.Name, k.Table), "",
				"ALTER TABLE … VALIDATE CONSTRAINT: old rows that break it cannot be updated, even in another column"))
		}
	}
}
