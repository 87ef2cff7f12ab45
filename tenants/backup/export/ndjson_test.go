package export_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avenit/tenantry/tenants/backup/export"
)

// copied writes values as COPY does.
var copied = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// TestJSONText: any text, and NULL, is valid JSON and comes back.
func TestJSONText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.SliceOfNDistinct(rapid.StringN(1, 20, 63), 1, 4, rapid.ID).Draw(t, "columns")
		value := rapid.OneOf(rapid.SampledFrom([]string{"", "null", `\N`, `\.`, `"`, `\"`, "\x01\b\f\v\x1f\x7f", "{", "\u2028"}), rapid.String())
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.Ptr(value, true), len(columns), len(columns)), 0, 5).Draw(t, "rows")
		var text strings.Builder
		for _, row := range rows {
			for i, value := range row {
				if i > 0 {
					text.WriteByte('\t')
				}
				if value == nil {
					text.WriteString(`\N`)
				} else {
					text.WriteString(copied.Replace(strings.ReplaceAll(*value, "\x00", "0")))
				}
			}
			text.WriteByte('\n')
		}
		lines, err := export.JSONLines(columns, text.String())
		require.NoError(t, err)
		require.Equal(t, len(rows), strings.Count(lines, "\n"))
		for i, line := range strings.SplitAfter(lines, "\n")[:len(rows)] {
			var got map[string]*string
			require.NoError(t, json.Unmarshal([]byte(line), &got), line)
			for j, column := range columns {
				if rows[i][j] == nil {
					require.Nil(t, got[column])
				} else {
					require.Equal(t, strings.ReplaceAll(*rows[i][j], "\x00", "0"), *got[column])
				}
			}
		}
		again, err := export.FromJSONLines(columns, lines)
		require.NoError(t, err)
		require.Equal(t, text.String(), again)
	})
}

// TestJSONRefuses: what no export has is refused, and its line is told.
func TestJSONRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"a":1,"b":["x",null,[2,true]]}` + "\n"
	text, err := export.FromJSONLines([]string{"a", "b"}, good+`{"a":{"x":"}\\\"","y":[",\n"]},"b":null}`+"\n")
	require.NoError(t, err)
	require.Equal(t, "1\t{\"x\",NULL,{2,true}}\n"+`{"x":"}\\\\\\"","y":[",\\n"]}`+"\t\\N\n", text)
	for _, line := range []string{
		"", "x", "{}", `{"b":1,"a":2}`, `{"a":1}`, `{"a":1,"b":2,"c":3}`, `{"a":1,"b":2} `, ` {"a":1,"b":2}`, `{"a": "x,"b":2}`, `{"a":"x`, `{"a":"\x","b":2}`, `{"a":"\u0041","b":2}`,
		`{"a":"\u00","b":2}`, "{\"a\":\"\t\",\"b\":2}", `{"a":nul,"b":2}`, `{"a":,"b":2}`, `{"a":x,"b":2}`, `{"a":{"x":1,"b":2}`, `{"a":1,"b":[1`, `{"a":1,"b":["x}`, `{"a":1,"b":[{}]}`, `{"a":1,"b":[1]`, `{"a":1,"b":"x"`,
	} {
		_, err := export.FromJSONLines([]string{"a", "b"}, good+line+"\n"+good)
		require.EqualError(t, err, "line 2: it is not a row as an export has it", line)
	}
	_, err = export.FromJSONLines([]string{"a", "b"}, good+good[:len(good)-1])
	require.EqualError(t, err, "line 2: it is not a row as an export has it", "the last line ends")
}

func FuzzFromJSON(f *testing.F) {
	f.Add(`{"a":1,"b":["x",null,[2,true]]}` + "\n")
	f.Add(`{"a":{"x":"}\\\""},"b":"\u0001\n"}` + "\n")
	f.Fuzz(func(t *testing.T, lines string) {
		text, err := export.FromJSONLines([]string{"a", "b"}, lines)
		if err != nil {
			require.Regexp(t, `^line \d+: it is not a row as an export has it$`, err.Error())
			return
		}
		require.Equal(t, strings.Count(lines, "\n"), strings.Count(text, "\n"))
		require.Equal(t, strings.Count(lines, "\n"), strings.Count(text, "\t"))
	})
}
