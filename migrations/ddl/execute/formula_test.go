package execute_test

import (
	"fmt"
	"math/big"
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

// decimal is a number as PostgreSQL keeps it: digits, so many of them behind the point.
type decimal struct {
	digits *big.Int
	scale  int
}

func ten(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func parseDecimal(text string) decimal {
	whole, fraction, _ := strings.Cut(text, ".")
	digits, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		panic(text)
	}
	return decimal{digits, len(fraction)}
}

func whole(n int) decimal { return decimal{big.NewInt(int64(n)), 0} }

func (d decimal) String() string {
	text := new(big.Int).Abs(d.digits).String()
	if d.scale > 0 {
		text = strings.Repeat("0", max(0, d.scale+1-len(text))) + text
		text = text[:len(text)-d.scale] + "." + text[len(text)-d.scale:]
	}
	if d.digits.Sign() < 0 {
		text = "-" + text
	}
	return text
}

// at gives the digits with more of them behind the point.
func (d decimal) at(scale int) *big.Int { return new(big.Int).Mul(d.digits, ten(scale-d.scale)) }

func (d decimal) compare(e decimal) int {
	scale := max(d.scale, e.scale)
	return d.at(scale).Cmp(e.at(scale))
}

// quotient divides two integers; halves go away from zero.
func quotient(a, b *big.Int) *big.Int {
	negative := a.Sign()*b.Sign() < 0
	a, b = new(big.Int).Abs(a), new(big.Int).Abs(b)
	q := new(big.Int).Mul(a, big.NewInt(2))
	q.Add(q, b).Quo(q, new(big.Int).Mul(b, big.NewInt(2)))
	if negative {
		q.Neg(q)
	}
	return q
}

func (d decimal) round(scale int) decimal {
	if d.scale <= scale {
		return decimal{d.at(scale), scale}
	}
	return decimal{quotient(d.digits, ten(d.scale-scale)), scale}
}

// leading gives the weight and the value of the first digit to the base of 10,000, as PostgreSQL keeps numbers.
func (d decimal) leading() (weight int, first int64) {
	if d.digits.Sign() == 0 {
		return 0, 0
	}
	padded := d
	if over := d.scale % 4; over != 0 {
		padded = decimal{d.at(d.scale + 4 - over), d.scale + 4 - over}
	}
	text := new(big.Int).Abs(padded.digits).String()
	groups := (len(text) + 3) / 4
	n, err := strconv.ParseInt(text[:len(text)-4*(groups-1)], 10, 64)
	if err != nil {
		panic(err)
	}
	return groups - 1 - padded.scale/4, n
}

// by divides, to as many digits as PostgreSQL does.
func (d decimal) by(e decimal) decimal {
	const significant, base = 16, 4
	weight1, first1 := d.leading()
	weight2, first2 := e.leading()
	weight := weight1 - weight2
	if first1 <= first2 {
		weight--
	}
	scale := min(max(significant-weight*base, d.scale, e.scale, 0), 1000)
	return decimal{quotient(d.at(max(d.scale, scale+e.scale)), new(big.Int).Mul(e.digits, ten(max(d.scale, scale+e.scale)-scale-e.scale))), scale}
}

// value gives what a formula is for a row, in Go: nil, decimal, string, bool or time.Time.
func (n *node) value(row map[string]any) any {
	switch n.op {
	case "field":
		return row[n.text]
	case "constant":
		switch {
		case n.text == "empty":
			return nil
		case n.gives == "n":
			return parseDecimal(n.text)
		case n.gives == "b":
			return n.text == "true"
		}
		return strings.ReplaceAll(n.text[1:len(n.text)-1], "''", "'")
	}
	args := make([]any, len(n.args))
	for i, arg := range n.args {
		args[i] = arg.value(row)
	}
	switch n.op {
	case "if":
		if args[0] == true {
			return args[1]
		}
		return args[2]
	case "coalesce", "min", "max":
		return n.choose(args)
	case "is_empty":
		return args[0] == nil
	case "&":
		return textOf(args[0], n.args[0].gives) + textOf(args[1], n.args[1].gives)
	case "and", "or":
		dominant := n.op == "or"
		switch {
		case args[0] == dominant || args[1] == dominant:
			return dominant
		case args[0] == nil || args[1] == nil:
			return nil
		}
		return !dominant
	}
	for _, arg := range args {
		if arg == nil {
			return nil
		}
	}
	return n.strict(args)
}

// choose is of the functions that pass over what is nothing.
func (n *node) choose(args []any) any {
	var chosen any
	for _, arg := range args {
		switch {
		case arg == nil:
		case chosen == nil:
			chosen = arg
		case n.op == "min" && arg.(decimal).compare(chosen.(decimal)) < 0, n.op == "max" && arg.(decimal).compare(chosen.(decimal)) > 0:
			chosen = arg
		}
	}
	return chosen
}

// strict is of those that give nothing for nothing.
func (n *node) strict(args []any) any {
	number := func(i int) decimal { return args[i].(decimal) }
	text := func() string { return args[0].(string) }
	at := func(i int) time.Time { return args[i].(time.Time) }
	switch n.op {
	case "not":
		return args[0] == false
	case "-x":
		return decimal{new(big.Int).Neg(number(0).digits), number(0).scale}
	case "abs":
		return decimal{new(big.Int).Abs(number(0).digits), number(0).scale}
	case "ceil", "floor":
		d := number(0)
		q, rest := new(big.Int).DivMod(d.digits, ten(d.scale), new(big.Int)) // toward minus infinity
		if n.op == "ceil" && rest.Sign() != 0 {
			q.Add(q, big.NewInt(1))
		}
		return decimal{q, 0}
	case "round":
		digits := 0
		if len(args) > 1 {
			digits = int(number(1).digits.Int64())
		}
		return number(0).round(digits)
	case "+", "-", "%":
		return sum(n.op, number(0), number(1))
	case "*":
		return decimal{new(big.Int).Mul(number(0).digits, number(1).digits), number(0).scale + number(1).scale}
	case "/":
		if number(1).digits.Sign() == 0 {
			return nil
		}
		return number(0).by(number(1))
	case "length":
		return whole(len([]rune(text())))
	case "upper":
		return strings.ToUpper(text())
	case "lower":
		return strings.ToLower(text())
	case "trim":
		return strings.Trim(text(), " ")
	case "year":
		return whole(at(0).Year())
	case "month":
		return whole(int(at(0).Month()))
	case "day":
		return whole(at(0).Day())
	case "days":
		return whole(int(at(1).Sub(at(0)).Hours() / 24))
	case "date":
		return at(0).Truncate(24 * time.Hour)
	default:
		return compareValues(n.op, args[0], args[1])
	}
}

func sum(op string, a, b decimal) any {
	scale := max(a.scale, b.scale)
	x, y := a.at(scale), b.at(scale)
	switch op {
	case "+":
		return decimal{x.Add(x, y), scale}
	case "-":
		return decimal{x.Sub(x, y), scale}
	}
	if y.Sign() == 0 {
		return nil
	}
	return decimal{x.Rem(x, y), scale}
}

func compareValues(op string, a, b any) any {
	order := 0
	switch x := a.(type) {
	case decimal:
		order = x.compare(b.(decimal))
	case string:
		order = strings.Compare(x, b.(string))
	case time.Time:
		order = x.Compare(b.(time.Time))
	case bool:
		rank := map[bool]int{true: 1}
		order = rank[x] - rank[b.(bool)]
	}
	switch op {
	case "=":
		return order == 0
	case "<>":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// textOf is what & makes of a value.
func textOf(value any, gives string) string {
	switch x := value.(type) {
	case nil:
		return ""
	case bool:
		return map[bool]string{true: "yes", false: "no"}[x]
	case time.Time:
		if gives == "d" {
			return x.Format(time.DateOnly)
		}
		return x.Format(time.DateTime)
	default:
		return fmt.Sprint(x)
	}
}

// TestFormulasAreRight compares what formulas give with what Go computes.
func TestFormulasAreRight(t *testing.T) {
	t.Parallel()
	count := 400
	if os.Getenv("DDL_FUZZ") == "full" {
		count = 20_000
	}
	r, tn, conn := formulaTenant(t)
	form := tn.registry(t).Form("p")
	a := &author{Rand: r, plain: true}
	rows := make([]map[string]any, 25)
	for i := range rows {
		rows[i] = a.plainRow(t, tn, form)
	}
	compared := 0
	for range count {
		gives := choice(a, []string{"n", "t", "b", "d", "m"})
		n := a.formula(gives, 1+a.IntN(4))
		if len(n.String()) > 3500 {
			continue
		}
		got, err := evaluate(t, conn, form, "", n)
		if err != nil {
			continue // the other test tells
		}
		for i, row := range rows {
			want := n.value(row)
			text := none
			switch x := want.(type) {
			case nil:
			case time.Time:
				if text = x.Format(time.DateOnly); gives == "m" {
					text = x.Format("2006-01-02 15:04:05.999999") + "+00"
				}
			default:
				text = fmt.Sprint(x)
			}
			compared++
			if have := got[i][0]; (have == nil) != (want == nil) || have != nil && *have != text {
				t.Errorf("%s\n  row %v\n  gives %s and not %s", n, row, shownText(have), text)
				break
			}
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d values compared", compared)
}

// plainRow saves a row of ordinary values, and gives it.
func (a *author) plainRow(t *testing.T, tn *tenant, form *ddl.Form) map[string]any {
	t.Helper()
	day := func() time.Time {
		return time.Date(1890+a.IntN(300), time.Month(1+a.IntN(12)), 1+a.IntN(28), 0, 0, 0, 0, time.UTC)
	}
	fraction := func(scale int) decimal {
		return decimal{big.NewInt(a.Int64N(2_000_000) - 1_000_000), scale}
	}
	row := map[string]any{
		"i": whole(a.IntN(2000) - 1000), "j": whole(a.IntN(5)), "d": fraction(2), "m": fraction(4), "s": choice(a, []string{"", "a", " Ab c ", "it's"}), "l": choice(a, []string{"long", " ", "A"}),
		"b": a.IntN(2) == 0, "c": a.IntN(2) == 0, "day1": day(), "day2": day(), "at1": day().Add(time.Duration(a.IntN(86400)) * time.Second), "at2": day().Add(time.Duration(a.IntN(86400)) * time.Second),
	}
	var columns, values []string
	for key := range row {
		if a.IntN(6) == 0 {
			delete(row, key)
			continue
		}
		text := fmt.Sprint(row[key])
		if at, is := row[key].(time.Time); is {
			text = at.Format(time.RFC3339)
		}
		columns, values = append(columns, form.Field(key).Column), append(values, literal(text))
	}
	if len(columns) == 0 {
		run(t, tn.admin, fmt.Sprintf("INSERT INTO form_data.%s DEFAULT VALUES", form.Table))
		return row
	}
	run(t, tn.admin, fmt.Sprintf("INSERT INTO form_data.%s (%s) VALUES (%s)", form.Table, strings.Join(columns, ", "), strings.Join(values, ", ")))
	return row
}
