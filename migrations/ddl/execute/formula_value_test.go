package execute_test

import (
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/avenit/tenantry/migrations/ddl"
)

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
		return whole(int((at(1).Unix() - at(0).Unix()) / (24 * 60 * 60))) // a time.Duration ends after 292 years
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
