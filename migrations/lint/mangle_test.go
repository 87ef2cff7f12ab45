package lint

import (
	"math/rand/v2"

	"github.com/avenit/tenantry/migrations/release"
)

// mangle takes nodes out of a parse tree or puts others in their place, and judges what is left, twice: the second time against
// a schema in which it has happened.
func mangle(node string, root map[string]any, sql string, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	broken, _ := breakNode(root, random).(map[string]any)
	l := &linter{schema: newSchema(), sizes: sizes{}, tx: newTransaction(), fresh: seed%2 == 0}
	l.later = []parsed{{node, broken}}
	for range 2 {
		v := newVisit(l, release.File{Name: "x"}, release.Statement{SQL: sql})
		v.statement(node, broken, sql)
		l.tx.take(v)
		v.finish()
	}
}

func breakNode(value any, random *rand.Rand) any {
	if random.IntN(30) == 0 {
		return []any{nil, "", float64(random.IntN(40)), true, map[string]any{}, []any{map[string]any{}, "x"}}[random.IntN(6)]
	}
	switch value := value.(type) {
	case map[string]any:
		broken := map[string]any{}
		for field, below := range value {
			if random.IntN(30) > 0 {
				broken[field] = breakNode(below, random)
			}
		}
		return broken
	case []any:
		broken := make([]any, 0, len(value))
		for _, below := range value {
			broken = append(broken, breakNode(below, random))
		}
		return broken
	default:
		return value
	}
}
