package fingerprint

import (
	"cmp"
	"slices"
	"strings"
)

// Class is in what way a thing is not as it should be.
type Class string

// The classes of differences.
const (
	Missing      Class = "missing"
	Extra        Class = "extra"
	Changed      Class = "changed"
	Invalid      Class = "invalid"       // an index is there and not used
	NotValidated Class = "not_validated" // a constraint is there and holds for new rows only
)

// Difference is one thing that two schemas do not have in common. Want is empty where there is something extra, Got where something is missing.
type Difference struct {
	Class Class  `json:"class"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Want  string `json:"want,omitempty"`
	Got   string `json:"got,omitempty"`
}

// kindColumnOrder is the kind of the objects that hold a table's columns in order.
const kindColumnOrder = "column order"

// Compare gives what of got is not as in want, by kind and name. A flaw that want has too is none. It is empty if and only if both have the
// same [Schema.Sum].
func Compare(want, got Schema) []Difference {
	wanted, found := byKey(want), byKey(got)
	var list []Difference
	for key, w := range wanted {
		g, there := found[key]
		switch {
		case !there && w.Kind != kindColumnOrder:
			list = append(list, Difference{Class: Missing, Kind: w.Kind, Name: w.Name, Want: w.text()})
		case there && g != w && !onlyOtherColumns(w, g):
			list = append(list, Difference{Class: classOf(w, g), Kind: w.Kind, Name: w.Name, Want: w.text(), Got: g.text()})
		}
	}
	for key, g := range found {
		if _, there := wanted[key]; there || g.Kind == kindColumnOrder {
			continue
		}
		class := Extra
		if g.Flaw == FlawInvalid { // what a broken CREATE INDEX CONCURRENTLY has left
			class = Invalid
		}
		list = append(list, Difference{Class: class, Kind: g.Kind, Name: g.Name, Got: g.text()})
	}
	slices.SortFunc(list, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return list
}

type key struct{ kind, name string }

func byKey(s Schema) map[key]Object {
	objects := make(map[key]Object, len(s.Objects))
	for _, o := range s.Objects {
		objects[key{o.Kind, o.Name}] = o
	}
	return objects
}

// classOf tells a flaw from another definition. A thing that is defined otherwise is changed, whatever flaw it has.
func classOf(want, got Object) Class {
	switch {
	case want.Definition != got.Definition:
		return Changed
	case got.Flaw == FlawInvalid:
		return Invalid
	case got.Flaw == FlawNotValidated:
		return NotValidated
	default: // want has a flaw that got has not
		return Changed
	}
}

// onlyOtherColumns says whether two orders of columns differ in nothing but columns that one side lacks; those are differences of their own.
func onlyOtherColumns(want, got Object) bool {
	if want.Kind != kindColumnOrder {
		return false
	}
	w, g := strings.Split(want.Definition, "\n"), strings.Split(got.Definition, "\n")
	common := func(columns, others []string) []string {
		return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return !slices.Contains(others, c) })
	}
	return slices.Equal(common(w, g), common(g, w))
}
