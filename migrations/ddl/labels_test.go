package ddl_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/avenit/tenantry/migrations/ddl"
)

// nasty are pieces that have broken quoting somewhere.
var nasty = []string{
	`"`, `""`, `'`, `''`, `\`, `\\`, `$$`, `$sync$`, `;`, `--`, `/*`, `*/`, "\n", "\r", "\t", "\x01", "\x7f", "\u0085", "\u200b", "\u202e", "\ufeff", "\ufffd",
	"é", "e\u0301", "Å", "A\u030a", "ﬁ", "ß", "İ", "ı", "ж", "漢", "👩‍👩‍👧", "\U0010ffff", "%s", "%d", "$1", "?", "select", "user", "SELECT", "Table", "null", "id", "created_at",
	" ", "  ", ".", "a", "Z", "0", "{}", "E'", "U&\"", "`", "|", "<script>",
}

// broken are pieces that no label may have.
var broken = []string{"\x00", "\xff", "\xc3", "\xed\xa0\x80"}

// label makes a text of 0 to 10,000 bytes, and now and then a longer one.
func label(r *rand.Rand) string {
	var text strings.Builder
	for n := r.IntN(12); n > 0; n-- {
		switch r.IntN(6) {
		case 0:
			text.WriteRune(rune(r.IntN(unicode.MaxRune + 1)))
		case 1:
			text.WriteString(strings.Repeat(nasty[r.IntN(len(nasty))], r.IntN(40)))
		default:
			text.WriteString(nasty[r.IntN(len(nasty))])
		}
	}
	if r.IntN(40) == 0 {
		text.WriteString(broken[r.IntN(len(broken))])
	}
	if r.IntN(200) == 0 {
		return strings.Repeat(text.String()+"x", 10_001/(text.Len()+1))
	}
	return text.String()
}

// quoted writes a text as JSON would, and leaves bytes that are no UTF-8 as they are.
func quoted(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"', c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ':
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// TestLabels: whatever people call their forms, fields and options, and whatever texts they give as values, plans are the same
// statements with other names and constants. DDL_FUZZ=full is a million rounds.
func TestLabels(t *testing.T) {
	t.Parallel()
	rounds := 5_000
	if os.Getenv("DDL_FUZZ") == "full" {
		rounds = 1_000_000
	}
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("DDL_SEED"); given != "" {
		n, err := strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	r := rand.New(rand.NewPCG(seed, 2))
	begun := time.Now()
	accepted, parsed := 0, 0
	for round := range rounds {
		texts := []string{label(r), label(r), label(r), label(r), label(r)}
		change := fmt.Sprintf(`{"operations": [{"op": "create_form", "form": "p", "label": %s},
			{"op": "add_field", "form": "p", "field": "a", "label": %s, "type": "long_text", "default": %s},
			{"op": "add_field", "form": "p", "field": "b", "label": %s, "type": "select", "options": [{"key": "x", "label": %s}], "default": "x"}]}`,
			quoted(texts[0]), quoted(texts[1]), quoted(texts[2]), quoted(texts[3]), quoted(texts[4]))
		decoded, err := ddl.Decode([]byte(change))
		if err != nil {
			var problems ddl.Problems
			require.ErrorAs(t, err, &problems, "DDL_SEED=%d round %d", seed, round)
			require.True(t, refusable(texts), "DDL_SEED=%d round %d: %v", seed, round, err)
			continue
		}
		plan, err := ddl.Generate(decoded, &ddl.Registry{}, ddl.Facts{})
		require.NoError(t, err, "DDL_SEED=%d round %d", seed, round)
		accepted++
		form := plan.Touched[0]
		require.Equal(t, texts[0], or(form.Label, "", texts[0], "p"), "the label is kept as it was given")
		columns := form.ViewColumns()
		seen := map[string]bool{}
		for _, name := range append([]string{form.View}, columns...) {
			if len(name) == 0 || len(name) > 63 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || !norm.NFC.IsNormalString(name) {
				t.Fatalf("DDL_SEED=%d round %d: name %q", seed, round, name)
			}
		}
		for _, name := range columns {
			require.False(t, seen[name], "DDL_SEED=%d round %d: two columns are %q", seed, round, name)
			seen[name] = true
		}
		if round%100 != 0 {
			continue
		}
		parsed++
		parsePlan(t, plan)
		sameView(t, plan, form, columns)
	}
	t.Logf("DDL_SEED=%d: %d of %d changes accepted, %d parsed, in %s", seed, accepted, rounds, parsed, time.Since(begun).Round(time.Millisecond))
	require.Greater(t, accepted, rounds/2)
}

func or(got, none, want, instead string) string {
	if want == none && got == instead {
		return none
	}
	return got
}

// refusable: a NUL, no UTF-8, or too long.
func refusable(texts []string) bool {
	for _, text := range texts {
		if strings.ContainsRune(text, 0) || !utf8.ValidString(text) || len(text) > ddl.MostLabelBytes {
			return true
		}
	}
	return false
}

// sameView: the names that PostgreSQL reads are those that were meant.
func sameView(t *testing.T, plan *ddl.Plan, form *ddl.Form, columns []string) {
	t.Helper()
	for _, step := range plan.Steps {
		for _, sql := range step.SQL {
			if !bytes.HasPrefix([]byte(sql), []byte("CREATE VIEW")) {
				continue
			}
			_, root := parse(t, sql)
			view := root["view"].(map[string]any)
			targets := root["query"].(map[string]any)["SelectStmt"].(map[string]any)["targetList"]
			require.Equal(t, form.View, view["relname"])
			var read []string
			for _, target := range targets.([]any) {
				read = append(read, target.(map[string]any)["ResTarget"].(map[string]any)["name"].(string))
			}
			require.Equal(t, columns, read)
			return
		}
	}
	t.Fatal("there is no view")
}

// Names are what people expect of them.
func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ж", 40)
	registry := &ddl.Registry{}
	operations := []string{`{"op": "create_form", "form": "p", "label": ""}`}
	for i, label := range []string{"Name", "Name", "é", "e\u0301", "", " \n ", long, long, "id"} {
		operations = append(operations, fmt.Sprintf(`{"op": "add_field", "form": "p", "field": "f%d", "label": %s, "type": "date"}`, i, quoted(label)))
	}
	decoded, err := ddl.Decode([]byte(`{"operations": [` + strings.Join(operations, ",") + `]}`))
	require.NoError(t, err)
	plan, err := ddl.Generate(decoded, registry, ddl.Facts{})
	require.NoError(t, err)
	cut := strings.Repeat("ж", 31)
	require.Equal(t, "p", plan.Touched[0].View)
	require.Equal(t, []string{"id", "created_at", "updated_at", "Name", "Name (2)", "é", "é (2)", "f4", "f5", cut, strings.Repeat("ж", 29) + " (2)", "id (2)"}, plan.Touched[0].ViewColumns())
	require.Contains(t, strings.Join(plan.Notes, "\n"), `field f1 of form p is column "Name (2)" of its view`)
}

func FuzzDecode(f *testing.F) {
	for _, operation := range valid {
		f.Add([]byte(`{"operations": [` + operation + `]}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		change, err := ddl.Decode(data)
		if err != nil {
			return
		}
		encoded, err := change.MarshalJSON()
		require.NoError(t, err)
		again, err := ddl.Decode(encoded)
		require.NoError(t, err, string(encoded))
		require.Len(t, again.Operations, len(change.Operations))
		_, _ = ddl.Generate(change, &ddl.Registry{}, ddl.Facts{})
	})
}

func FuzzFormula(f *testing.F) {
	for _, text := range []string{"a + 1", "if(a, 'x''y', b & c)", "round(a / 3, 2) % -b", "not (a = empty)", "max(1,2,3)", "coalesce(a,'')", "days(a,b) >= 1.5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		formula, err := ddl.ParseFormula(text)
		if err != nil {
			return
		}
		form := &ddl.Form{Key: "p", Table: "d_0001"}
		for i, key := range formula.Fields() {
			form.Fields = append(form.Fields, &ddl.Field{Key: key, Column: fmt.Sprintf("f_%04d", i+2), Spec: ddl.Spec{Type: []ddl.Type{ddl.Integer, ddl.LongText, ddl.Date, ddl.Boolean}[i%4]}})
		}
		sql, err := formula.SQL(form)
		if err != nil {
			return
		}
		node, _ := parse(t, "SELECT "+sql+" FROM form_data.d_0001 AS t")
		require.Equal(t, "SelectStmt", node)
	})
}
