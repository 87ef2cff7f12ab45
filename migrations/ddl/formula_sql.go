package ddl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// shape is the type of a formula's value.
type shape string

const (
	isNumber  shape = "number"
	isText    shape = "text"
	isBoolean shape = "yes or no"
	isDate    shape = "date"
	isMoment  shape = "date and time"
	isEmpty   shape = "nothing" // the constant empty: it is of any shape
)

// function is one that formulas may call. Each is total: no row makes it fail, or nobody could read the view.
type function struct {
	least, most int
	// takes lists the shapes of arguments, the last one's for all that follow; "" takes any.
	takes []shape
	gives shape
	sql   func(args []string) string
}

const anyNumber = 20

func simple(name string) func([]string) string {
	return func(args []string) string { return name + "(" + strings.Join(args, ", ") + ")" }
}

func part(name string) func([]string) string {
	return func(args []string) string { return "extract(" + name + " FROM " + args[0] + ")" }
}

// daysBetween is nothing where one of the dates is infinite.
func daysBetween(a []string) string {
	return fmt.Sprintf("CASE WHEN isfinite(%[1]s) AND isfinite(%[2]s) THEN (%[2]s - %[1]s)::numeric END", a[0], a[1])
}

// functions are all there is. Those whose SQL is nil are written in [term.sql].
var functions = map[string]function{
	"round":    {least: 1, most: 2, takes: []shape{isNumber}, gives: isNumber},
	"abs":      {least: 1, most: 1, takes: []shape{isNumber}, gives: isNumber, sql: simple("abs")},
	"ceil":     {least: 1, most: 1, takes: []shape{isNumber}, gives: isNumber, sql: simple("ceil")},
	"floor":    {least: 1, most: 1, takes: []shape{isNumber}, gives: isNumber, sql: simple("floor")},
	"min":      {least: 2, most: anyNumber, takes: []shape{isNumber}, gives: isNumber, sql: simple("least")},
	"max":      {least: 2, most: anyNumber, takes: []shape{isNumber}, gives: isNumber, sql: simple("greatest")},
	"length":   {least: 1, most: 1, takes: []shape{isText}, gives: isNumber, sql: func(a []string) string { return "char_length(" + a[0] + ")::numeric" }},
	"upper":    {least: 1, most: 1, takes: []shape{isText}, gives: isText, sql: simple("upper")},
	"lower":    {least: 1, most: 1, takes: []shape{isText}, gives: isText, sql: simple("lower")},
	"trim":     {least: 1, most: 1, takes: []shape{isText}, gives: isText, sql: simple("btrim")},
	"year":     {least: 1, most: 1, takes: []shape{isDate}, gives: isNumber, sql: part("year")},
	"month":    {least: 1, most: 1, takes: []shape{isDate}, gives: isNumber, sql: part("month")},
	"day":      {least: 1, most: 1, takes: []shape{isDate}, gives: isNumber, sql: part("day")},
	"days":     {least: 2, most: 2, takes: []shape{isDate}, gives: isNumber, sql: daysBetween},
	"date":     {least: 1, most: 1, takes: []shape{isMoment}, gives: isDate, sql: func(a []string) string { return "(" + a[0] + " AT TIME ZONE 'UTC')::date" }},
	"is_empty": {least: 1, most: 1, takes: []shape{""}, gives: isBoolean, sql: func(a []string) string { return "(" + a[0] + " IS NULL)" }},
	"if":       {least: 3, most: 3},
	"coalesce": {least: 2, most: anyNumber},
}

func functionNames() []string {
	names := make([]string, 0, len(functions))
	for name := range functions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (f function) counts() string {
	if f.least == f.most {
		return strconv.Itoa(f.least)
	}
	return fmt.Sprintf("%d to %d", f.least, f.most)
}

// SQL writes the formula as an expression over a form's table, which is called t. Its errors name a field or a function.
func (f *Expression) SQL(form *Form) (string, error) {
	if _, err := f.root.size(form); err != nil {
		return "", err
	}
	sql, of, err := f.root.sql(form)
	if err == nil && of == isEmpty {
		return "NULL::text", nil
	}
	return sql, err
}

// sql writes a term, and everything in it. It refuses one that grows too long: some functions name what they are given twice.
func (t *term) sql(form *Form) (sql string, of shape, err error) {
	sql, of, err = t.write(form)
	if err == nil && len(sql) > mostFormulaSQL {
		return "", "", fmt.Errorf("it is nested too deep: as SQL it would have more than %d bytes; make two formulas of it", mostFormulaSQL)
	}
	return sql, of, err
}

func (t *term) write(form *Form) (sql string, of shape, err error) {
	switch t.op {
	case "number":
		return t.text + "::numeric", isNumber, nil
	case "text":
		return literal(t.text) + "::text", isText, nil
	case "true", "false":
		return t.op, isBoolean, nil
	case "empty":
		return "NULL", isEmpty, nil
	case "field":
		return fieldSQL(form, t.text)
	}
	args := make([]string, len(t.args))
	shapes := make([]shape, len(t.args))
	for i, arg := range t.args {
		if args[i], shapes[i], err = arg.sql(form); err != nil {
			return "", "", err
		}
	}
	switch t.op {
	case "if":
		if err := t.needs(0, shapes[0], isBoolean); err != nil {
			return "", "", err
		}
		if of, err = t.alike(shapes[1:]); of == isEmpty {
			return "NULL", isEmpty, err
		}
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", args[0], args[1], args[2]), of, err
	case "coalesce":
		if of, err = t.alike(shapes); of == isEmpty {
			return "NULL", isEmpty, err
		}
		return "coalesce(" + strings.Join(args, ", ") + ")", of, err
	case "round":
		return t.round(args, shapes)
	}
	if f, isCall := functions[t.op]; isCall {
		for i, shape := range shapes {
			want := f.takes[min(i, len(f.takes)-1)]
			if err := t.needs(i, shape, want); err != nil {
				return "", "", err
			}
			args[i] = typed(args[i], shape, want)
		}
		return f.sql(args), f.gives, nil
	}
	return t.operator(args, shapes)
}

// round takes its digits from a constant: no value of a row makes it fail.
func (t *term) round(args []string, shapes []shape) (string, shape, error) {
	if err := t.needs(0, shapes[0], isNumber); err != nil {
		return "", "", err
	}
	digits := "0"
	if len(t.args) > 1 {
		digits = t.args[1].text
		if n, err := strconv.Atoi(digits); t.args[1].op != "number" || err != nil || n > 20 {
			return "", "", fmt.Errorf("round takes a number of digits from 0 to 20, and not %s", shown(t.args[1].text))
		}
	}
	return "round(" + typed(args[0], shapes[0], isNumber) + ", " + digits + ")", isNumber, nil
}

func (t *term) operator(args []string, shapes []shape) (string, shape, error) {
	switch t.op {
	case "negative", "not":
		of := map[string]shape{"negative": isNumber, "not": isBoolean}[t.op]
		sign := map[string]string{"negative": "- ", "not": "NOT "}[t.op]
		return "(" + sign + typed(args[0], shapes[0], of) + ")", of, t.needs(0, shapes[0], of)
	case "and", "or":
		for i := range shapes {
			if err := t.needs(i, shapes[i], isBoolean); err != nil {
				return "", "", err
			}
		}
		return "(" + args[0] + " " + strings.ToUpper(t.op) + " " + args[1] + ")", isBoolean, nil
	case "&":
		return "(" + asText(args[0], shapes[0]) + " || " + asText(args[1], shapes[1]) + ")", isText, nil
	case "=", "<>", "<", "<=", ">", ">=":
		_, err := t.alike(shapes)
		return "(" + args[0] + " " + t.op + " " + args[1] + ")", isBoolean, err
	}
	for i := range shapes {
		if err := t.needs(i, shapes[i], isNumber); err != nil {
			return "", "", err
		}
		args[i] = typed(args[i], shapes[i], isNumber)
	}
	if t.op == "/" || t.op == "%" { // Nothing, where PostgreSQL would fail.
		args[1] = "nullif(" + args[1] + ", 0)"
	}
	return "(" + args[0] + " " + t.op + " " + args[1] + ")", isNumber, nil
}

// typed gives the constant empty the type that is wanted.
func typed(sql string, got, want shape) string {
	names := map[shape]string{isNumber: "numeric", isText: "text", isBoolean: "boolean", isDate: "date", isMoment: "timestamptz"}
	if got == isEmpty && want != "" {
		return sql + "::" + names[want]
	}
	return sql
}

func (t *term) needs(i int, got, want shape) error {
	if want == "" || got == want || got == isEmpty {
		return nil
	}
	return fmt.Errorf("%s takes a %s as its argument %d, and not a %s", t.op, want, i+1, got)
}

// alike finds the shape that all have in common.
func (t *term) alike(shapes []shape) (shape, error) {
	common := isEmpty
	for _, of := range shapes {
		switch {
		case of == isEmpty:
		case common == isEmpty:
			common = of
		case common != of:
			return "", fmt.Errorf("%s takes values of one kind, and not a %s and a %s", t.op, common, of)
		}
	}
	return common, nil
}

// asText writes a value the same way whatever the session's settings are; nothing is the empty text.
func asText(sql string, of shape) string {
	switch of {
	case isNumber:
		sql = "(" + sql + ")::text"
	case isBoolean:
		sql = "CASE " + sql + " WHEN true THEN 'yes' WHEN false THEN 'no' END"
	case isDate:
		sql = whenMoment(sql, "to_char(("+sql+")::timestamp, 'YYYY-MM-DD')")
	case isMoment:
		sql = "to_char(" + sql + " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
	case isEmpty:
		return "''"
	case isText:
	}
	return "coalesce(" + sql + ", '')"
}

// fieldSQL reads a field of the form.
func fieldSQL(form *Form, key string) (string, shape, error) {
	if slices.Contains(reservedKeys, key) {
		if key == columnID {
			return "t." + ident(key) + "::numeric", isNumber, nil
		}
		return "t." + ident(key), isMoment, nil
	}
	field := form.Field(key)
	if field == nil || field.Dropped != nil {
		return "", "", fmt.Errorf("there is no field %s", shown(key))
	}
	column := "t." + ident(field.Column)
	switch field.Spec.Type {
	case ShortText, LongText, Email, URL, Phone, File, Select:
		return column, isText, nil
	case Integer, Decimal, Money:
		return column + "::numeric", isNumber, nil
	case Boolean:
		return column, isBoolean, nil
	case Date:
		return column, isDate, nil
	case DateTime:
		return column, isMoment, nil
	case Time, MultiSelect, Reference, ManyToMany, JSON, Formula:
	}
	return "", "", fmt.Errorf("field %s is a %s, which a formula cannot read", shown(key), field.Spec.Type)
}
