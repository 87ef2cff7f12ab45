package gentle

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]string{
		``:                                 nil,
		`ALTER TABLE Busy ADD c1 int`:      {"add", "alter", "busy", "c1", "int", "table"},
		`DROP TABLE a.b,"C d"`:             {"C d", "a", "b", "c", "d", "drop", "table"},
		`SELECT 'it says "', x FROM größe`: {"', x FROM größe", "from", "größe", "it", "says", "select", "x"},
		`DO $$ ALTER TABLE t $$`:           {"$$", "alter", "do", "t", "table"},
		`"a""b`:                            {"a", "b"},
	} {
		require.Equal(t, want, Names(sql), sql)
	}
	require.Equal(t, `{"a","b\\c","d\"e"}`, TextArray([]string{"a", `b\c`, `d"e`}))
	require.Equal(t, `{}`, TextArray(nil))
}
