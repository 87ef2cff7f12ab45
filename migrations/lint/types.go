package lint

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// typeName is a column's type; the zero value is one that is not known.
type typeName struct {
	// base is the type's name without pg_catalog, such as "int4", "varchar", "citext".
	base  string
	mods  []int
	array bool
}

func typeOf(t tree) typeName {
	parts := t.names("names")
	if len(parts) == 0 {
		return typeName{}
	}
	typ := typeName{base: parts[len(parts)-1], array: len(t.list("arrayBounds")) > 0}
	for _, mod := range t.list("typmods") {
		if constant := mod.at("A_Const"); constant.has("ival") {
			typ.mods = append(typ.mods, constant.at("ival").number("ival"))
		}
	}
	return typ
}

func (t typeName) same(other typeName) bool {
	return t.base == other.base && t.array == other.array && slices.Equal(t.mods, other.mods)
}

// typeWords are the types that people call otherwise than the catalog does.
var typeWords = map[string]string{
	"int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision", "bool": "boolean", "bpchar": "char",
	"timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone",
}

// String is the type as people write it.
func (t typeName) String() string {
	word := cmp.Or(typeWords[t.base], t.base)
	if len(t.mods) > 0 {
		mods := make([]string, len(t.mods))
		for i, mod := range t.mods {
			mods[i] = strconv.Itoa(mod)
		}
		first, rest, _ := strings.Cut(word, " ")
		word = strings.TrimSpace(first + "(" + strings.Join(mods, ",") + ") " + rest)
	}
	if t.array {
		word += "[]"
	}
	return word
}

// serials are the names that make a sequence and a default.
var serials = map[string]typeName{
	"smallserial": {base: "int2"}, "serial2": {base: "int2"}, "serial": {base: "int4"}, "serial4": {base: "int4"},
	"bigserial": {base: "int8"}, "serial8": {base: "int8"},
}

// change is what ALTER COLUMN TYPE does to a table.
type change int

const (
	// inCatalog: no row is looked at.
	inCatalog change = iota
	// anew: every row is written anew.
	anew
	// notKnown: the column's present type is not known.
	notKnown
)

// changeOf tells what it takes to turn a column of one type into another without USING.
func (s *schema) changeOf(from, to typeName) change {
	from, fromFree := s.behind(from)
	to, toFree := s.behind(to)
	switch {
	case from.base == "":
		return notKnown
	case !toFree: // every value is checked, in a rewrite
		return anew
	case from.same(to) && fromFree:
		return inCatalog
	case from.array || to.array: // PostgreSQL does not see that the elements are the same bytes
		return anew
	case widens(from, to):
		return inCatalog
	default:
		return anew
	}
}

// behind follows a domain to its type, and says whether no constraint is on the way.
func (s *schema) behind(t typeName) (typeName, bool) {
	free := true
	for range len(s.domains) {
		d, there := s.domains[t.base]
		if !there || t.array {
			break
		}
		free = free && !d.constrained
		t = d.base
	}
	return t, free
}

// widens reports whether every stored value of one type is one of the other as it is, and PostgreSQL knows it.
func widens(from, to typeName) bool {
	text := func(t typeName) bool { return t.base == "text" || t.base == "varchar" && len(t.mods) == 0 }
	switch {
	case from.base == "numeric" && to.base == "numeric":
		return len(to.mods) == 0 || len(from.mods) > 0 && scale(from) == scale(to) && from.mods[0] <= to.mods[0]
	case from.base == to.base && lengths[from.base]:
		return len(to.mods) == 0 || len(from.mods) > 0 && from.mods[0] <= to.mods[0]
	case from.base == to.base && len(from.mods) == 0 && len(to.mods) == 0:
		return true
	case text(to):
		return from.base == "text" || from.base == "varchar" || from.base == "citext" || from.base == "xml"
	case to.base == "citext":
		return from.base == "text" || from.base == "varchar"
	case len(from.mods) > 0 || len(to.mods) > 0:
		return false
	default:
		return relabelled[[2]string{from.base, to.base}]
	}
}

// lengths are the types that PostgreSQL lets grow in place.
var lengths = words("varchar varbit timestamp timestamptz time timetz")

// relabelled are the pairs of types that are the same bytes.
var relabelled = map[[2]string]bool{{"cidr", "inet"}: true, {"int4", "oid"}: true, {"oid", "int4"}: true, {"varbit", "bit"}: false, {"bit", "varbit"}: true}

func scale(t typeName) int {
	if len(t.mods) < 2 {
		return 0
	}
	return t.mods[1]
}
