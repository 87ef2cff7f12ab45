package ddl

import (
	"fmt"
	"slices"
	"strings"
)

// storedAsText are the types whose column is text.
var storedAsText = []Type{ShortText, LongText, Email, URL, Phone, File, Select}

func isTextual(t Type) bool {
	return slices.Contains(storedAsText, t)
}

// convert writes an SQL expression over x that turns values of one type into another and never fails; "" when there is no such conversion. partial
// says that some values may have no counterpart; those become NULL. Conversions are exact, and read texts as ISO 8601 and plain numbers,
// whatever the settings of the session.
func convert(from, to Spec, x string) (sql string, partial bool) {
	sql, partial = convertBare(from, to, x)
	if sql == "" {
		return "", false
	}
	if condition := to.condition(sql); condition != "" && (!isTextual(from.Type) || !isTextual(to.Type) || from.condition(x) != condition) {
		return fmt.Sprintf("CASE WHEN %s THEN %s END", condition, sql), true
	}
	return sql, partial
}

func convertBare(from, to Spec, x string) (sql string, partial bool) {
	switch {
	case from.column() == to.column():
		return x, false
	case isTextual(to.Type):
		return toText(from, x), from.Type == Date || from.Type == DateTime // before the year 1, after 9999, infinite
	case isTextual(from.Type) && to.Type != MultiSelect:
		return fromText(to, "btrim("+x+")"), true
	case from.Type == Select && to.Type == MultiSelect:
		return "CASE WHEN " + x + " IS NOT NULL THEN ARRAY[" + x + "] END", false
	}
	return betweenNumbersAndTimes(from, to, x)
}

// toText writes values as texts that fromText reads.
func toText(from Spec, x string) string {
	switch from.Type { //nolint:exhaustive // the others are texts, or none
	case Integer, Decimal, Money, Time, JSON:
		return "(" + x + ")::text"
	case Boolean:
		return "CASE WHEN " + x + " THEN 'true' WHEN NOT " + x + " THEN 'false' END"
	case Date:
		return fmt.Sprintf("CASE WHEN %[1]s BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((%[1]s)::timestamp, 'YYYY-MM-DD') END", x)
	case DateTime:
		return fmt.Sprintf("CASE WHEN %[1]s >= '0001-01-01T00:00:00Z' AND %[1]s < '10000-01-01T00:00:00Z' THEN to_char(%[1]s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') END", x)
	case MultiSelect:
		return "array_to_string(" + x + ", ', ')"
	default:
		return ""
	}
}

const (
	datePattern  = `[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])`
	clockPattern = `([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?`
	zonePattern  = `(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])`
)

// fromText reads a text x that has no space around it.
func fromText(to Spec, x string) string {
	when := func(condition, then string) string { return "CASE WHEN " + condition + " THEN " + then + " END" }
	like := func(pattern string) string { return x + " ~ '^" + pattern + "$'" }
	switch to.Type { //nolint:exhaustive // a text becomes none of the others
	case Integer:
		return when(like("[+-]?[0-9]{1,30}"), betweenNumbers(to, x+"::numeric"))
	case Decimal, Money:
		return when(like("[+-]?[0-9]+([.][0-9]+)?")+" AND char_length("+x+") <= 1000", betweenNumbers(to, x+"::numeric"))
	case Boolean:
		return fmt.Sprintf("CASE WHEN lower(%[1]s) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true WHEN lower(%[1]s) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false END", x)
	case Date:
		return when(like(datePattern), dayThatIs(x, dateOf(x)))
	case DateTime:
		moment := fmt.Sprintf("(CASE WHEN %s THEN %s ELSE %s || '+00' END)::timestamptz", x+" ~ '"+zonePattern+"$'", x, x)
		return when(like(datePattern+"([T ]"+clockPattern+zonePattern+"?)?"), dayThatIs(x, moment))
	case Time:
		return when(like(clockPattern), x+"::time")
	default:
		return ""
	}
}

func dateOf(x string) string {
	return fmt.Sprintf("make_date(left(%[1]s, 4)::integer, substr(%[1]s, 6, 2)::integer, substr(%[1]s, 9, 2)::integer)", x)
}

// dayThatIs gives then for texts that begin with a date whose month has that day, and whose year is not 0.
func dayThatIs(x, then string) string {
	return fmt.Sprintf(`CASE WHEN left(%[1]s, 4) = '0000' THEN NULL `+
		`WHEN substr(%[1]s, 9, 2) <= '28' THEN %[2]s `+
		`WHEN substr(%[1]s, 9, 2)::integer <= extract(day FROM make_date(left(%[1]s, 4)::integer, substr(%[1]s, 6, 2)::integer, 1) + interval '1 month - 1 day') THEN %[2]s END`, x, then)
}

// betweenNumbers narrows a numeric to a number type, exactly.
func betweenNumbers(to Spec, x string) string {
	if to.Type == Integer {
		low, high := "-9223372036854775808", "9223372036854775807"
		if to.Bits == 32 {
			low, high = "-2147483648", "2147483647"
		}
		return fmt.Sprintf("CASE WHEN %[1]s = trunc(%[1]s) AND %[1]s BETWEEN %[2]s AND %[3]s THEN (%[1]s)::%[4]s END", x, low, high, to.column())
	}
	limit := "1" + strings.Repeat("0", to.Precision-*to.Scale)
	return fmt.Sprintf("CASE WHEN %[1]s = round(%[1]s, %[2]d) AND abs(%[1]s) < %[3]s THEN (%[1]s)::%[4]s END", x, *to.Scale, limit, to.column())
}

func isNumberType(t Type) bool { return t == Integer || t == Decimal || t == Money }

func betweenNumbersAndTimes(from, to Spec, x string) (sql string, partial bool) {
	switch {
	case from.Type == Integer && to.Type == Integer && from.Bits == 32:
		return "(" + x + ")::bigint", false
	case isNumberType(from.Type) && isNumberType(to.Type):
		return betweenNumbers(to, "("+x+")::numeric"), true
	case from.Type == Integer && to.Type == Boolean:
		return "CASE " + x + " WHEN 0 THEN false WHEN 1 THEN true END", true
	case from.Type == Boolean && to.Type == Integer:
		return fmt.Sprintf("CASE WHEN %[1]s THEN 1 WHEN NOT %[1]s THEN 0 END::%[2]s", x, to.column()), false
	case from.Type == Date && to.Type == DateTime:
		return whenMoment(x, "("+x+")::timestamp AT TIME ZONE 'UTC'"), true
	case from.Type == DateTime && to.Type == Date:
		return "(" + x + " AT TIME ZONE 'UTC')::date", false
	case from.Type == MultiSelect && to.Type == Select:
		return "CASE WHEN cardinality(" + x + ") = 1 THEN " + x + "[1] END", true
	default:
		return "", false
	}
}

// whenMoment gives then for a date that a timestamp has room for, or is infinite as one can be.
func whenMoment(date, then string) string {
	return fmt.Sprintf("CASE WHEN %[1]s < '294277-01-01'::date OR %[1]s = 'infinity'::date THEN %[2]s END", date, then)
}

// widens reports whether PostgreSQL changes the type without touching a row: more digits before the point.
func widens(from, to Spec) bool {
	number := func(t Type) bool { return t == Decimal || t == Money }
	return number(from.Type) && number(to.Type) && *from.Scale == *to.Scale && to.Precision >= from.Precision
}
