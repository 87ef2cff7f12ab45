package execute_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
)

// formulaForm has a field of every type that a formula reads.
const formulaForm = `
{"op": "create_form", "form": "p"},
{"op": "add_field", "form": "p", "field": "s", "type": "short_text"},
{"op": "add_field", "form": "p", "field": "l", "type": "long_text"},
{"op": "add_field", "form": "p", "field": "mail", "type": "email"},
{"op": "add_field", "form": "p", "field": "site", "type": "url"},
{"op": "add_field", "form": "p", "field": "phone", "type": "phone"},
{"op": "add_field", "form": "p", "field": "cv", "type": "file"},
{"op": "add_field", "form": "p", "field": "state", "type": "select", "options": [{"key": "a"}, {"key": "b"}]},
{"op": "add_field", "form": "p", "field": "i", "type": "integer"},
{"op": "add_field", "form": "p", "field": "j", "type": "integer", "bits": 32},
{"op": "add_field", "form": "p", "field": "d", "type": "decimal"},
{"op": "add_field", "form": "p", "field": "m", "type": "money", "currency": "EUR"},
{"op": "add_field", "form": "p", "field": "huge", "type": "decimal", "precision": 1000, "scale": 0},
{"op": "add_field", "form": "p", "field": "tiny", "type": "decimal", "precision": 1000, "scale": 1000},
{"op": "add_field", "form": "p", "field": "both", "type": "decimal", "precision": 1000, "scale": 500},
{"op": "add_field", "form": "p", "field": "b", "type": "boolean"},
{"op": "add_field", "form": "p", "field": "c", "type": "boolean"},
{"op": "add_field", "form": "p", "field": "day1", "type": "date"},
{"op": "add_field", "form": "p", "field": "day2", "type": "date"},
{"op": "add_field", "form": "p", "field": "at1", "type": "date_time"},
{"op": "add_field", "form": "p", "field": "at2", "type": "date_time"}`

// extremes are what rows may have at most, least and at all, as SQL; the first of each is an ordinary value.
var extremes = map[string][]string{
	"s":     {"'Ab c'", "''", "' '", "repeat('ß', 255)", "E'\\n\\t'", "'İıſǅ'", "repeat('🏳️‍🌈', 40)", "'infinity'", "'0'"},
	"l":     {"'some text'", "''", "repeat('ŉ', 10000)", "repeat(' ', 1000)"},
	"mail":  {"'a@b.c'", "repeat('a', 318) || '@b'"},
	"site":  {"'https://a.b'", "'a:' || repeat('ж', 2046)"},
	"phone": {"'+49 30 1'", "'0'"},
	"cv":    {"'a/b.pdf'", "''"},
	"state": {"'a'", "'b'"},
	"i":     {"7", "0", "-1", "9223372036854775807", "-9223372036854775808"},
	"j":     {"7", "0", "2147483647", "-2147483648"},
	"d":     {"12.50", "0", "-0.01", "9999999999999999.99", "-9999999999999999.99", "'NaN'"},
	"m":     {"1.0001", "0", "999999999999999.9999", "-0.0001", "'NaN'"},
	"huge":  {"42", "0", "repeat('9', 1000)::numeric", "-repeat('9', 1000)::numeric", "'NaN'"},
	"tiny":  {"0.5", "0", "('0.' || repeat('0', 999) || '1')::numeric", "-('0.' || repeat('9', 1000))::numeric", "'NaN'"},
	"both":  {"1.5", "0", "(repeat('9', 500) || '.' || repeat('9', 500))::numeric", "('-0.' || repeat('0', 499) || '1')::numeric", "'NaN'"},
	"b":     {"true", "false"},
	"c":     {"true", "false"},
	"day1":  {"'2026-11-27'", "'infinity'", "'-infinity'", "'4714-11-24 BC'", "'5874897-12-31'", "'0001-12-31 BC'", "'9999-12-31'", "'294277-01-01'", "'2024-02-29'"},
	"day2":  {"'2026-01-31'", "'infinity'", "'-infinity'", "'4714-11-24 BC'", "'5874897-12-31'", "'0044-03-15 BC'"},
	"at1":   {"'2026-11-27 10:00:00+00'", "'infinity'", "'-infinity'", "'4714-11-24 00:00:00+00 BC'", "'294276-12-31 23:59:59.999999+00'", "'0001-01-01 00:00:00+00'"},
	"at2":   {"'2026-11-27 23:59:59.999999+00'", "'infinity'", "'-infinity'", "'4714-11-24 00:00:00+00 BC'", "'294276-12-31 23:59:59.999999+00'"},
}

// node is a formula that the test has made, with what it gives: "n" a number, "t" a text, "b" yes or no, "d" a date, "m" a moment, "e" nothing.
type node struct {
	op, text, gives string
	args            []*node
}

// String writes it as people do.
func (n *node) String() string {
	args := make([]string, len(n.args))
	for i, arg := range n.args {
		args[i] = arg.String()
	}
	switch n.op {
	case "constant", "field", "chain of /":
		return n.text
	case "-x":
		return "(-" + args[0] + ")"
	case "not":
		return "(not " + args[0] + ")"
	case "+", "-", "*", "/", "%", "&", "=", "<>", "<", "<=", ">", ">=", "and", "or":
		return "(" + args[0] + " " + n.op + " " + args[1] + ")"
	default:
		return n.op + "(" + strings.Join(args, ", ") + ")"
	}
}

// author makes formulas by lot.
type author struct {
	*rand.Rand

	// plain ones can be evaluated in Go: no fields but those of plainFields, and no texts that are compared by a collation.
	plain bool
}

var (
	formulaFields = map[string][]string{
		"n": {"i", "j", "d", "m", "huge", "tiny", "both", "id"}, "t": {"s", "l", "mail", "site", "phone", "cv", "state"}, "b": {"b", "c"}, "d": {"day1", "day2"}, "m": {"at1", "at2", "created_at"},
	}
	plainFields    = map[string][]string{"n": {"i", "j", "d", "m"}, "t": {"s", "l"}, "b": {"b", "c"}, "d": {"day1", "day2"}, "m": {"at1", "at2"}}
	formulaNumbers = []string{"0", "1", "2.50", "100", "0.0000000000000000000000000001", "999999999999999999999999999999"}
	formulaTexts   = []string{"''", "'a'", "'it''s'", "' Ü '", "'2026-11-27'"}
)

func choice[T any](a *author, list []T) T { return list[a.IntN(len(list))] }

func (a *author) formula(gives string, depth int) *node {
	if a.IntN(25) == 0 {
		return &node{op: "constant", text: "empty", gives: "e"}
	}
	if depth == 0 || a.IntN(8) == 0 {
		return a.leaf(gives)
	}
	of := func(op string, args ...string) *node {
		n := &node{op: op, gives: gives}
		for _, arg := range args {
			n.args = append(n.args, a.formula(arg, depth-1))
		}
		return n
	}
	switch a.IntN(10) {
	case 0:
		return of("if", "b", gives, gives)
	case 1:
		return of("coalesce", []string{gives, gives, gives, gives}[:2+a.IntN(3)]...)
	}
	switch gives {
	case "n":
		switch a.IntN(10) {
		case 0:
			return of("-x", "n")
		case 1:
			return of(choice(a, []string{"abs", "ceil", "floor", "round"}), "n")
		case 2:
			n := of("round", "n")
			n.args = append(n.args, &node{op: "constant", text: choice(a, []string{"0", "2", "20"}), gives: "n"})
			return n
		case 3:
			return of(choice(a, []string{"min", "max"}), []string{"n", "n", "n"}[:2+a.IntN(2)]...)
		case 4:
			return of("length", "t")
		case 5:
			return of(choice(a, []string{"year", "month", "day"}), "d")
		case 6:
			return of("days", "d", "d")
		default:
			return of(choice(a, []string{"+", "-", "*", "*", "/", "%"}), "n", "n")
		}
	case "t":
		if a.IntN(3) == 0 {
			return of(choice(a, []string{"upper", "lower", "trim"}), "t")
		}
		kind := func() string { return choice(a, []string{"n", "t", "b", "d", "m"}) }
		return of("&", kind(), kind())
	case "b":
		switch a.IntN(4) {
		case 0:
			return of("not", "b")
		case 1:
			return of(choice(a, []string{"and", "or"}), "b", "b")
		case 2:
			return of("is_empty", choice(a, []string{"n", "t", "b", "d", "m"}))
		default:
			kind := choice(a, []string{"n", "t", "b", "d", "m"})
			signs := []string{"=", "<>", "<", "<=", ">", ">="}
			if kind == "t" && a.plain {
				signs = signs[:2] // the order is the collation's
			}
			return of(choice(a, signs), kind, kind)
		}
	case "d":
		return of("date", "m")
	default:
		return a.leaf(gives)
	}
}

func (a *author) leaf(gives string) *node {
	constants := map[string][]string{"n": formulaNumbers, "t": formulaTexts, "b": {"true", "false"}}[gives]
	if len(constants) > 0 && a.IntN(4) == 0 {
		return &node{op: "constant", text: choice(a, constants), gives: gives}
	}
	fields := formulaFields
	if a.plain {
		fields = plainFields
	}
	return &node{op: "field", text: choice(a, fields[gives]), gives: gives}
}

// hard are formulas that chance does not make, at the limits of what PostgreSQL computes.
func hard() []*node {
	number := func(name string) *node { return &node{op: "field", text: name, gives: "n"} }
	power := func(n *node, op string, doublings int) *node {
		for range doublings {
			n = &node{op: op, args: []*node{n, n}, gives: "n"}
		}
		return n
	}
	chain := &node{op: "chain of /", text: "huge" + strings.Repeat(" / tiny", 140), gives: "n"}
	empty := func(op string) *node {
		e := &node{op: "constant", text: "empty", gives: "e"}
		if op == "if" {
			return &node{op: op, args: []*node{{op: "field", text: "b", gives: "b"}, e, e}, gives: "e"}
		}
		return &node{op: op, args: []*node{e, e}, gives: "e"}
	}
	return []*node{
		power(number("huge"), "*", 8), power(number("tiny"), "*", 8), power(number("both"), "+", 8), chain,
		{op: "%", args: []*node{number("huge"), number("tiny")}, gives: "n"},
		{op: "and", args: []*node{empty("coalesce"), {op: "field", text: "b", gives: "b"}}, gives: "b"},
		{op: "=", args: []*node{empty("if"), number("i")}, gives: "b"},
		{op: "coalesce", args: []*node{empty("if"), number("i")}, gives: "n"},
		{op: "if", args: []*node{empty("if"), number("i"), number("i")}, gives: "n"},
	}
}

// TestNoRowMakesAFormulaFail: whatever a formula is, and whatever the rows have, reading the view does not fail. DDL_FUZZ=full is 20,000 formulas.
func TestNoRowMakesAFormulaFail(t *testing.T) {
	t.Parallel()
	count := 600
	if os.Getenv("DDL_FUZZ") == "full" {
		count = 20_000
	}
	r, tn, conn := formulaTenant(t)
	a := &author{Rand: r}
	form := tn.registry(t).Form("p")
	fillExtremes(t, tn, r, form)
	formulas, refused := possible(t, form, hard())
	require.Equal(t, 3, refused, "products and quotients of more digits than numeric has room for")
	for len(formulas) < count {
		if n := a.formula(choice(a, []string{"n", "t", "b", "d", "m"}), 1+a.IntN(5)); len(n.String()) <= 3500 {
			some, no := possible(t, form, []*node{n})
			formulas, refused = append(formulas, some...), refused+no
		}
	}
	found := map[string]int{}
	const together = 20
	for i, zone := 0, 0; i < len(formulas); i, zone = i+together, zone+1 {
		run(t, conn, "SET timezone = "+literal([]string{"UTC", "Asia/Kathmandu", "America/Los_Angeles", "Pacific/Kiritimati"}[zone%4]))
		batch := formulas[i:min(i+together, len(formulas))]
		if _, err := evaluate(t, conn, form, "", batch...); err == nil {
			continue
		}
		for _, n := range batch {
			if _, err := evaluate(t, conn, form, "", n); err != nil {
				reportFormula(t, conn, form, n, found)
			}
		}
	}
	t.Logf("%d formulas, %d more were refused; faults: %v", len(formulas), refused, found)
	require.Less(t, refused, count/10)
}

// possible are the formulas that can be made, with how many are refused because of what rows could have.
func possible(t *testing.T, form *ddl.Form, formulas []*node) (list []*node, refused int) {
	t.Helper()
	for _, n := range formulas {
		parsed, err := ddl.ParseFormula(n.String())
		require.NoError(t, err, n.String())
		if _, err = parsed.SQL(form); err != nil {
			require.Regexp(t, "more digits than PostgreSQL has room for|nested too deep", err.Error(), n.String())
			refused++
			continue
		}
		list = append(list, n)
	}
	return list, refused
}

// TestFormulasInViews makes formulas fields, and reads the view of the form as people with SQL do.
func TestFormulasInViews(t *testing.T) {
	t.Parallel()
	r, tn, _ := formulaTenant(t)
	a := &author{Rand: r, plain: true}
	fillExtremes(t, tn, r, tn.registry(t).Form("p"))
	reader := tn.connect(t, tn.readOnly)
	made := 0
	for i := range 40 {
		n := a.formula(choice(a, []string{"n", "b", "d"}), 1+a.IntN(3))
		operation := fmt.Sprintf(`{"op": "add_field", "form": "p", "field": "x%d", "type": "formula", "expression": %q}`, i, n.String())
		if _, err := evaluate(t, tn.admin, tn.registry(t).Form("p"), "", n); err != nil {
			continue // the other test tells
		}
		tn.apply(t, operation)
		made++
		rows, err := reader.Query(t.Context(), "SELECT * FROM form_views.p", pgx.QueryExecModeExec)
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (int, error) { return len(row.RawValues()), nil })
		require.NoError(t, err, n.String())
		require.NotEmpty(t, list)
	}
	require.Positive(t, made)
}

func formulaTenant(t *testing.T) (*rand.Rand, *tenant, *pgx.Conn) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("DDL_SEED"); given != "" {
		n, err := strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	t.Logf("DDL_SEED=%d", seed)
	tn := newTenant(t)
	tn.apply(t, formulaForm)
	conn := tn.connect(t, tn.app)
	run(t, conn, "SET timezone = 'UTC'")
	return rand.New(rand.NewPCG(seed, 7)), tn, conn
}

// fillExtremes gives the form rows: one of each extreme with ordinary values around it, rows of extremes by lot, and one of nothing.
func fillExtremes(t *testing.T, tn *tenant, r *rand.Rand, form *ddl.Form) {
	t.Helper()
	var columns []string
	for _, field := range form.Live() {
		if field.Column != "" {
			columns = append(columns, field.Column)
		}
	}
	insert := func(value func(key string) string) {
		values := make([]string, 0, len(columns))
		for _, field := range form.Live() {
			if field.Column != "" {
				values = append(values, value(field.Key))
			}
		}
		run(t, tn.admin, fmt.Sprintf("INSERT INTO form_data.%s (%s) VALUES (%s)", form.Table, strings.Join(columns, ", "), strings.Join(values, ", ")))
	}
	insert(func(string) string { return "NULL" })
	for key, values := range extremes {
		for _, extreme := range values {
			insert(func(k string) string {
				if k == key {
					return extreme
				}
				return extremes[k][0]
			})
		}
	}
	for range 60 {
		insert(func(key string) string {
			if r.IntN(6) == 0 {
				return "NULL"
			}
			return extremes[key][r.IntN(len(extremes[key]))]
		})
	}
}

// evaluate reads formulas as the view does, of all rows or of those that meet a condition.
func evaluate(t *testing.T, conn *pgx.Conn, form *ddl.Form, where string, formulas ...*node) ([][]*string, error) {
	t.Helper()
	list := make([]string, len(formulas))
	for i, n := range formulas {
		parsed, err := ddl.ParseFormula(n.String())
		require.NoError(t, err, n.String())
		if list[i], err = parsed.SQL(form); err != nil {
			require.NoError(t, err, n.String())
		}
		list[i] = "(" + list[i] + ")::text"
	}
	rows, err := conn.Query(t.Context(), fmt.Sprintf("SELECT ARRAY[%s] FROM form_data.%s AS t %s ORDER BY id", strings.Join(list, ", "), form.Table, where), pgx.QueryExecModeExec)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[[]*string])
}

// reportFormula finds the smallest part of a formula that fails, and a row that makes it.
func reportFormula(t *testing.T, conn *pgx.Conn, form *ddl.Form, n *node, found map[string]int) {
	t.Helper()
	fails := func(n *node, where string) error {
		_, err := evaluate(t, conn, form, where, n)
		return err
	}
	err := fails(n, "")
	for smaller := true; smaller; {
		smaller = false
		for _, arg := range n.args {
			if argErr := fails(arg, ""); argErr != nil {
				n, err, smaller = arg, argErr, true
				break
			}
		}
	}
	when := "for a row"
	if fails(n, "WHERE false") != nil {
		when = "when it is made"
	}
	kind := fmt.Sprintf("%s %s %s", kindOf(n), sqlState(err), when)
	if found[kind]++; found[kind] > 1 {
		return
	}
	row := ""
	ids, idErr := conn.Query(t.Context(), fmt.Sprintf("SELECT id FROM form_data.%s ORDER BY id", form.Table))
	require.NoError(t, idErr)
	list, idErr := pgx.CollectRows(ids, pgx.RowTo[int64])
	require.NoError(t, idErr)
	for _, id := range list {
		if when == "for a row" && fails(n, fmt.Sprintf("WHERE id = %d", id)) != nil {
			row = one[string](t, conn, fmt.Sprintf("SELECT left(t::text, 300) FROM form_data.%s AS t WHERE id = %d", form.Table, id))
			break
		}
	}
	t.Errorf("%s: %v\n  formula %.300s\n  row %s", kind, err, n, row)
}

// kindOf names what fails.
func kindOf(n *node) string {
	switch n.op {
	case "=", "<>", "<", "<=", ">", ">=":
		return "comparison"
	case "&":
		for _, arg := range n.args {
			if arg.gives == "d" {
				return "& of a date"
			}
		}
	}
	return n.op
}
