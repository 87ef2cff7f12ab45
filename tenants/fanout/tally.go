package fanout

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Kind is a way to make one value of a column of all rows. NULL does not count.
type Kind string

// The kinds.
const (
	Sum Kind = "sum"
	Avg Kind = "avg" // of rows: each counts the same, whichever tenant's it is
	Min Kind = "min"
	Max Kind = "max"
)

// Tally makes one value of a column, exactly: numbers are added as the decimal numbers that they are written as. Give it every row, and every outcome;
// rows of a tenant that did not answer completely do not count. It is not for several goroutines.
type Tally struct {
	kind   Kind
	column picked
	parts  map[string]*part // by tenant's id, of those that have not ended
	total  part
}

// NewTally makes a tally of a column, "" for the only one that it can be of.
func NewTally(kind Kind, column string) *Tally {
	return &Tally{kind: kind, column: picked{name: column, numbers: kind == Sum || kind == Avg, at: -1}, parts: map[string]*part{}}
}

// Take adds a row.
func (t *Tally) Take(row Row) error {
	if err := t.column.find(row.Columns); err != nil {
		return fmt.Errorf("%s: %w", t.kind, err)
	}
	value := row.Values[t.column.at]
	if value == nil {
		return nil
	}
	p := t.parts[row.TenantID]
	if p == nil {
		p = &part{}
		t.parts[row.TenantID] = p
	}
	return p.add(t.kind, t.column.oid, value)
}

// Ended adds what a tenant has given, if it answered.
func (t *Tally) Ended(o Outcome) {
	p := t.parts[o.TenantID]
	delete(t.parts, o.TenantID)
	if p != nil && o.State == Answered {
		t.total.join(t.kind, t.column.oid, p)
	}
}

// Column names the column, "" before the first row.
func (t *Tally) Column() string { return t.column.found }

// Number says that the column has numbers.
func (t *Tally) Number() bool { return isNumber(t.column.oid) }

// Value gives the value as text; false when there was none that is not NULL.
func (t *Tally) Value() (string, bool) {
	p := t.total
	switch {
	case p.n == 0:
		return "", false
	case t.kind == Min || t.kind == Max:
		return string(p.best), true
	case p.odd != 0 || math.IsNaN(p.odd):
		return odd(p.odd), true
	case t.kind == Sum:
		return decimal(&p.sum), true
	default:
		mean := new(big.Rat).Quo(&p.sum, new(big.Rat).SetInt64(p.n))
		if _, exact := mean.FloatPrec(); exact {
			return decimal(mean), true
		}
		digits, _ := p.sum.FloatPrec()
		return strings.TrimRight(mean.FloatString(digits+16), "0"), true
	}
}

// decimal writes a number that has an end.
func decimal(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

func odd(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	default:
		return "NaN"
	}
}

// part is what some rows come to.
type part struct {
	n    int64
	sum  big.Rat
	odd  float64 // the sum of what is infinite or no number, 0 without
	best []byte  // the least or greatest value
}

func (p *part) add(kind Kind, oid uint32, value []byte) error {
	p.n++
	if kind == Min || kind == Max {
		p.better(kind, oid, value)
		return nil
	}
	number, special, err := parseNumber(value)
	if err != nil {
		return err
	}
	if number == nil {
		p.odd += special
		return nil
	}
	p.sum.Add(&p.sum, number)
	return nil
}

func (p *part) better(kind Kind, oid uint32, value []byte) {
	by := 0
	if p.best != nil {
		by = compare(oid, value, p.best)
	}
	if p.best == nil || (kind == Min && by < 0) || (kind == Max && by > 0) {
		p.best = slices.Clone(value)
	}
}

func (p *part) join(kind Kind, oid uint32, other *part) {
	p.n += other.n
	p.sum.Add(&p.sum, &other.sum)
	p.odd += other.odd
	if other.best != nil {
		p.better(kind, oid, other.best)
	}
}

// parseNumber reads a number as PostgreSQL writes it. One that is infinite or NaN is special, and number is nil.
func parseNumber(value []byte) (number *big.Rat, special float64, err error) {
	text := string(value)
	if strings.HasSuffix(text, "Infinity") || text == "NaN" {
		special, err = strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("read number: %w", err)
		}
		return nil, special, nil
	}
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, 0, errors.New("read number: it is none")
	}
	return number, 0, nil
}

// compare orders two values of a type as PostgreSQL does, text by its bytes.
func compare(oid uint32, a, b []byte) int {
	switch {
	case isNumber(oid):
		return compareNumbers(a, b)
	case oid == pgtype.DateOID, oid == pgtype.TimestampOID, oid == pgtype.TimestamptzOID:
		at, aEnd := moment(a)
		bt, bEnd := moment(b)
		if aEnd != bEnd {
			return int(aEnd) - int(bEnd)
		}
		return at.Compare(bt)
	default:
		return bytes.Compare(a, b)
	}
}

func compareNumbers(a, b []byte) int {
	x, xs, _ := parseNumber(a)
	y, ys, _ := parseNumber(b)
	if x != nil && y != nil {
		return x.Cmp(y)
	}
	rank := func(number *big.Rat, special float64) int {
		switch {
		case number != nil:
			return 0
		case math.IsNaN(special):
			return 2 // greater than all others
		case special > 0:
			return 1
		default:
			return -1
		}
	}
	return rank(x, xs) - rank(y, ys)
}

// moment reads a date or time of PostgreSQL's style ISO.
func moment(value []byte) (time.Time, pgtype.InfinityModifier) {
	text := string(value)
	switch text {
	case "infinity":
		return time.Time{}, pgtype.Infinity
	case "-infinity":
		return time.Time{}, pgtype.NegativeInfinity
	}
	if len(text) >= 10 && strings.IndexByte(text, ' ') < 0 {
		text += " 00:00:00" // a date
	} else if date, era, ok := strings.Cut(text, " BC"); ok && era == "" && strings.IndexByte(date, ' ') < 0 {
		text = date + " 00:00:00 BC"
	}
	var t pgtype.Timestamp
	text = strings.Replace(text, "+00", "", 1) // sessions are in UTC
	if types.Scan(pgtype.TimestampOID, pgtype.TextFormatCode, []byte(text), &t) != nil {
		return time.Time{}, pgtype.Finite
	}
	return t.Time, t.InfinityModifier
}

func isNumber(oid uint32) bool {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		return true
	default:
		return false
	}
}

// picked is the column that something is made of.
type picked struct {
	name    string // as asked for, "" for the only one
	numbers bool   // it must be one of numbers
	found   string
	at      int // -1 until it was looked for
	oid     uint32
}

// find looks for the column, once.
func (p *picked) find(columns []Column) error {
	if p.at >= 0 {
		return nil
	}
	var fit []int
	for i, c := range columns {
		if p.name == c.Name || (p.name == "" && (isNumber(c.OID) || (!p.numbers && len(columns) == 1))) {
			fit = append(fit, i)
		}
	}
	switch {
	case len(fit) == 0 && p.name != "":
		return fmt.Errorf("there is no column %q; columns are %s", p.name, columnText(columns))
	case len(fit) == 0:
		return fmt.Errorf("no column has numbers; columns are %s", columnText(columns))
	case len(fit) > 1:
		return fmt.Errorf("which column? Columns are %s", columnText(columns))
	case p.numbers && !isNumber(columns[fit[0]].OID):
		return fmt.Errorf("column %s has no numbers", columns[fit[0]])
	}
	p.at, p.found, p.oid = fit[0], columns[fit[0]].Name, columns[fit[0]].OID
	return nil
}
