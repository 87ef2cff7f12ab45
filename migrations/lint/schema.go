package lint

import "slices"

// schema is what is known of a database's schema from the statements before: enough to tell what a later one does.
type schema struct {
	relations map[name]*relation
	indexes   map[name]*index
	keys      []*foreignKey
	// volatile says of each function whether it is; domains what each stands for.
	volatile map[string]bool
	domains  map[string]domain
	// objects are types and functions by kind and name, true where they are fresh.
	objects map[object]bool
	// empty: what was never seen is not there with rows either.
	empty bool
	// path is where names without a schema are looked for.
	path []string
}

// relation is a table, a view, a sequence.
type relation struct {
	name name
	kind relationKind
	// fresh: made by what is linted, so that no running code knows it, and no row is in it that the code has written.
	fresh   bool
	columns map[string]*column
	checks  map[string]*check
	parent  *relation
	// keys are the columns of the partition key; uses is what a view reads.
	keys []string
	uses []*relation
	// parted tables hold no rows: their partitions do.
	parted bool
	// takesRest is a DEFAULT partition.
	takesRest bool
	// whole says that the statement that made it was seen, so that its columns are known.
	whole bool
}

type relationKind string

const (
	aTable    relationKind = "table"
	aView     relationKind = "view"
	aMatView  relationKind = "materialized view"
	aSequence relationKind = "sequence"
)

type column struct {
	typ      typeName
	notNull  bool
	sequence *relation // of serial and identity
}

// check is a CHECK constraint.
type check struct {
	// proves are the columns that it keeps from being NULL, columns those that it mentions.
	proves    map[string]bool
	columns   map[string]bool
	validated bool
}

// index includes those that PRIMARY KEY and UNIQUE make; they have the constraint's name.
type index struct {
	name    name
	table   *relation
	columns []string
	// mentions are all columns that it depends on.
	mentions   map[string]bool
	constraint bool
	// complex ones have expressions or a WHERE: a change of a column's type always builds them anew.
	complex bool
}

type foreignKey struct {
	name          string
	validated     bool
	from, to      *relation
	columns, refs []string
}

type domain struct {
	base        typeName
	constrained bool
}

// object is a type or a function.
type object struct {
	kind string
	name name
}

// make notes a type or a function.
func (s *schema) make(kind string, n name, fresh bool) {
	s.objects[object{kind, s.home(n)}] = fresh
}

// made reports whether a type or a function is fresh.
func (s *schema) made(kind string, n name) bool {
	return s.objects[object{kind, s.home(n)}]
}

func (s *schema) hasObject(kind string, n name) bool {
	_, there := s.objects[object{kind, s.home(n)}]
	return there
}

func newSchema() *schema {
	return &schema{
		relations: map[name]*relation{}, indexes: map[name]*index{}, volatile: map[string]bool{}, domains: map[string]domain{}, objects: map[object]bool{},
		path: []string{"public"},
	}
}

// home is where a name without a schema is made.
func (s *schema) home(n name) name {
	if n.schema == "" {
		n.schema = s.path[0]
	}
	return n
}

// find looks a name up along the path.
func find[T any](s *schema, in map[name]T, n name) (name, T, bool) {
	if n.schema != "" {
		found, there := in[n]
		return n, found, there
	}
	for _, where := range s.path {
		full := name{where, n.name}
		if found, there := in[full]; there {
			return full, found, true
		}
	}
	var none T
	return s.home(n), none, false
}

// relation returns the relation of a name; one that was never seen is taken for a table that is there already.
func (s *schema) relation(n name) *relation {
	full, found, there := find(s, s.relations, n)
	if !there {
		found = &relation{name: full, kind: aTable, fresh: s.empty, columns: map[string]*column{}, checks: map[string]*check{}}
		s.relations[full] = found
	}
	return found
}

// known returns the relation if it was seen.
func (s *schema) known(n name) (*relation, bool) {
	_, found, there := find(s, s.relations, n)
	return found, there
}

func (s *schema) index(n name) (*index, bool) {
	_, found, there := find(s, s.indexes, n)
	return found, there
}

func (s *schema) add(n name, kind relationKind, fresh bool) *relation {
	full := s.home(n)
	r := &relation{name: full, kind: kind, fresh: fresh, columns: map[string]*column{}, checks: map[string]*check{}, whole: true}
	s.relations[full] = r
	return r
}

func (s *schema) drop(r *relation) {
	delete(s.relations, r.name)
	for full, x := range s.indexes {
		if x.table == r {
			delete(s.indexes, full)
		}
	}
	s.keys = slices.DeleteFunc(s.keys, func(k *foreignKey) bool { return k.from == r || k.to == r })
	for _, c := range r.columns {
		if c.sequence != nil {
			delete(s.relations, c.sequence.name)
		}
	}
	for _, child := range s.children(r) {
		s.drop(child)
	}
}

// children are the partitions and heirs, direct ones.
func (s *schema) children(r *relation) []*relation {
	var list []*relation
	for _, other := range s.relations {
		if other.parent == r {
			list = append(list, other)
		}
	}
	slices.SortFunc(list, func(a, b *relation) int { return compareNames(a.name, b.name) })
	return list
}

// family is the relation and everything below it. Statements that PostgreSQL would refuse can make circles.
func (s *schema) family(r *relation) []*relation {
	list := []*relation{r}
	for at := 0; at < len(list); at++ {
		for _, child := range s.children(list[at]) {
			if !slices.Contains(list, child) {
				list = append(list, child)
			}
		}
	}
	return list
}

// indexesOf lists a table's indexes, of a column only where one is given.
func (s *schema) indexesOf(r *relation, of string) []*index {
	var list []*index
	for _, x := range s.indexes {
		if x.table == r && (of == "" || x.mentions[of]) {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b *index) int { return compareNames(a.name, b.name) })
	return list
}
