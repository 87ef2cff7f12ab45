package ddl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Type is the kind of a field, as the builder's users know it.
type Type string

// The types of fields.
const (
	ShortText   Type = "short_text"
	LongText    Type = "long_text"
	Email       Type = "email"
	URL         Type = "url"
	Phone       Type = "phone"
	Integer     Type = "integer"
	Decimal     Type = "decimal"
	Money       Type = "money"
	Boolean     Type = "boolean"
	Date        Type = "date"
	DateTime    Type = "date_time"
	Time        Type = "time"
	Select      Type = "select"
	MultiSelect Type = "multi_select"
	Reference   Type = "reference"
	ManyToMany  Type = "many_to_many"
	File        Type = "file"
	JSON        Type = "json"
	Formula     Type = "formula"
)

// Spec is a type with its parameters. Each type takes its own and refuses the others'.
type Spec struct {
	Type Type `json:"type"`
	// MaxLength in characters: short_text (default 255, at most 1,000) and long_text (no limit by default).
	MaxLength int `json:"max_length,omitempty"`
	// Bits of an integer: 64 (the default) or 32.
	Bits int `json:"bits,omitempty"`
	// Precision and Scale of a decimal: all digits (1 to 1,000, default 18), and those behind the point (0 to Precision, default 2).
	Precision int  `json:"precision,omitempty"`
	Scale     *int `json:"scale,omitempty"`
	// Currency of money, an ISO 4217 code; it is kept beside the field and not in every row.
	Currency string `json:"currency,omitempty"`
	// Options of select and multi_select: 1 to 500.
	Options []Option `json:"options,omitempty"`
	// References is the key of the form that a reference or many_to_many points at.
	References string `json:"references,omitempty"`
	// OnDelete says what becomes of a reference whose row is deleted: restrict (the default) refuses to delete it, set_null empties the reference.
	OnDelete string `json:"on_delete,omitempty"`
	// Expression of a formula, over fields of the same form; see [ParseFormula].
	Expression string `json:"expression,omitempty"`
}

// Option is one choice of a select.
type Option struct {
	// Key is what rows keep: 1 to 63 of a-z 0-9 _ -.
	Key string `json:"key"`
	// Label is what people read. Defaults to the key.
	Label string `json:"label,omitempty"`
}

// kind is what this package knows of a type.
type kind struct {
	// column is the SQL type of the column.
	column func(s Spec) string
	// condition that the column's values meet, "" for none; x is the quoted column.
	condition func(s Spec, x string) string
	// constant turns a default value into SQL, or says what is wrong with it.
	constant func(s Spec, value json.RawMessage) (sql, wrong string)
	// takes lists the parameters, by their names in JSON.
	takes []string
	// indexed says how an index over it works: btree, gin, or "" for not at all.
	indexed string
	// unique: may it be unique?
	unique bool
	// width is the least that a value takes in a row that has all values, in bytes: a pointer where the value itself can be moved out.
	width int
}

// Widths of values in a row; what can be moved out of it leaves a pointer.
const (
	widthMoved = 18
	widthFixed = 8
)

var kinds = map[Type]kind{
	ShortText:   {column: plain("text"), condition: textCondition, constant: textConstant, takes: []string{"max_length"}, indexed: "btree", unique: true, width: widthMoved},
	LongText:    {column: plain("text"), condition: textCondition, constant: textConstant, takes: []string{"max_length"}, width: widthMoved},
	Email:       {column: plain("text"), condition: textCondition, constant: textConstant, indexed: "btree", unique: true, width: widthMoved},
	URL:         {column: plain("text"), condition: textCondition, constant: textConstant, indexed: "btree", unique: true, width: widthMoved},
	Phone:       {column: plain("text"), condition: textCondition, constant: textConstant, indexed: "btree", unique: true, width: widthMoved},
	File:        {column: plain("text"), condition: textCondition, constant: textConstant, indexed: "btree", unique: true, width: widthMoved},
	Integer:     {column: integerColumn, constant: integerConstant, takes: []string{"bits"}, indexed: "btree", unique: true, width: widthFixed},
	Decimal:     {column: decimalColumn, constant: decimalConstant, takes: []string{"precision", "scale"}, indexed: "btree", unique: true, width: widthMoved},
	Money:       {column: decimalColumn, constant: decimalConstant, takes: []string{"currency"}, indexed: "btree", unique: true, width: widthMoved},
	Boolean:     {column: plain("boolean"), constant: booleanConstant, indexed: "btree", width: 1},
	Date:        {column: plain("date"), constant: timeConstant, indexed: "btree", unique: true, width: 4},
	DateTime:    {column: plain("timestamp with time zone"), constant: timeConstant, indexed: "btree", unique: true, width: widthFixed},
	Time:        {column: plain("time without time zone"), constant: timeConstant, indexed: "btree", unique: true, width: widthFixed},
	Select:      {column: plain("text"), condition: selectCondition, constant: selectConstant, takes: []string{"options"}, indexed: "btree", unique: true, width: widthMoved},
	MultiSelect: {column: plain("text[]"), condition: multiSelectCondition, constant: multiSelectConstant, takes: []string{"options"}, indexed: "gin", width: widthMoved},
	Reference:   {column: plain("bigint"), constant: referenceConstant, takes: []string{"references", "on_delete"}, indexed: "btree", unique: true, width: widthFixed},
	ManyToMany:  {takes: []string{"references"}},
	JSON:        {column: plain("jsonb"), constant: jsonConstant, indexed: "gin", width: widthMoved},
	Formula:     {takes: []string{"expression"}},
}

// Types lists the types in the order of help.
func Types() []Type {
	return []Type{
		ShortText, LongText, Integer, Decimal, Money, Boolean, Date, DateTime, Time, Email, URL, Phone,
		Select, MultiSelect, Reference, ManyToMany, File, JSON, Formula,
	}
}

func plain(sql string) func(Spec) string { return func(Spec) string { return sql } }

// stored reports whether a field of the type has a column in its form's table.
func (s Spec) stored() bool { return kinds[s.Type].column != nil }

// column is the SQL type of the field's column.
func (s Spec) column() string { return kinds[s.Type].column(s) }

// ColumnType is the SQL type of the field's column, as PostgreSQL writes it; "" for a field without one.
func (s Spec) ColumnType() string {
	if !s.stored() {
		return ""
	}
	return s.column()
}

// condition that its values meet, "" for none; x is the quoted column.
func (s Spec) condition(x string) string {
	if of := kinds[s.Type].condition; of != nil {
		return of(s, x)
	}
	return ""
}

// constant turns a value into an SQL constant of the column's type, or says what is wrong with it. null is NULL.
func (s Spec) constant(value json.RawMessage) (sql, wrong string) {
	if isNull(value) {
		return "NULL", ""
	}
	if of := kinds[s.Type].constant; of != nil {
		sql, wrong = of(s, value)
		if wrong != "" {
			return "", wrong
		}
		return sql + "::" + s.column(), ""
	}
	return "", "a " + string(s.Type) + " has no values of its own"
}

func isNull(value json.RawMessage) bool {
	return len(value) == 0 || string(value) == "null"
}

// withDefaults fills in the parameters that were not given.
func (s Spec) withDefaults() Spec {
	switch s.Type { //nolint:exhaustive // the others have no parameters with a default
	case ShortText:
		s.MaxLength = or(s.MaxLength, 255)
	case Integer:
		s.Bits = or(s.Bits, 64)
	case Decimal:
		s.Precision = or(s.Precision, 18)
		if s.Scale == nil {
			s.Scale = new(min(2, s.Precision))
		}
	case Money:
		s.Precision, s.Scale = 19, new(4)
	case Reference:
		s.OnDelete = or(s.OnDelete, "restrict")
	}
	return s
}

// asGiven is a type as a change gives it: without the parameters that follow from it.
func (s Spec) asGiven() Spec {
	if s.Type == Money {
		s.Precision, s.Scale = 0, nil
	}
	return s
}

func or[T comparable](value, instead T) T {
	var zero T
	if value == zero {
		return instead
	}
	return value
}

// parameters are those of all types, by their names in JSON.
var parameters = []string{"max_length", "bits", "precision", "scale", "currency", "options", "references", "on_delete", "expression"}

// given lists the parameters that are given, by their names in JSON.
func (s Spec) given() []string {
	var list []string
	add := func(name string, given bool) {
		if given {
			list = append(list, name)
		}
	}
	add("max_length", s.MaxLength != 0)
	add("bits", s.Bits != 0)
	add("precision", s.Precision != 0)
	add("scale", s.Scale != nil)
	add("currency", s.Currency != "")
	add("options", s.Options != nil)
	add("references", s.References != "")
	add("on_delete", s.OnDelete != "")
	add("expression", s.Expression != "")
	return list
}

// check refuses parameters that the type does not take, or cannot be so.
func (s Spec) check(c *checker) {
	k, known := kinds[s.Type]
	if !known {
		names := make([]string, 0, len(kinds))
		for _, t := range Types() {
			names = append(names, string(t))
		}
		c.refuse("type", shown(string(s.Type))+" is not a type", "use one of "+strings.Join(names, ", "))
		return
	}
	given := s.given()
	for _, name := range parameters {
		if _, sent := c.given[name]; sent && !slices.Contains(given, name) {
			given = append(given, name) // with the value that it has anyway
		}
	}
	for _, name := range given {
		if !slices.Contains(k.takes, name) {
			fix := "leave it out"
			if len(k.takes) > 0 {
				fix += "; it takes " + strings.Join(k.takes, ", ")
			}
			c.refuse(name, fmt.Sprintf("a %s takes no %s", s.Type, name), fix)
		}
	}
	s.checkNumbers(c)
	if slices.Contains(k.takes, "options") {
		checkOptions(c, s.Options)
	}
	if slices.Contains(k.takes, "references") && !keyPattern.MatchString(s.References) {
		c.refuse("references", shown(s.References)+" is not the key of a form", "name the form that it points at")
	}
	if s.OnDelete != "" && s.OnDelete != "restrict" && s.OnDelete != "set_null" {
		c.refuse("on_delete", shown(s.OnDelete)+" is neither restrict nor set_null", "use one of them; deleting what refers is never done by itself")
	}
	if s.Currency != "" && !currencyPattern.MatchString(s.Currency) {
		c.refuse("currency", shown(s.Currency)+" is not an ISO 4217 code", "give three capital letters, such as EUR")
	}
	if s.Type == Formula {
		if _, err := ParseFormula(s.Expression); err != nil {
			c.refuse("expression", err.Error(), "see docs/forms.md for what a formula may be")
		}
	}
}

func (s Spec) checkNumbers(c *checker) {
	between := func(name string, value, least, most int) {
		if value < least || value > most {
			c.refuse(name, fmt.Sprintf("%d is not from %d to %d", value, least, most), fmt.Sprintf("give %d to %d", least, most))
		}
	}
	full := s.withDefaults()
	switch s.Type { //nolint:exhaustive // the others take no numbers
	case ShortText:
		between("max_length", full.MaxLength, 1, 1000)
	case LongText:
		between("max_length", full.MaxLength, 0, 100_000_000)
	case Decimal:
		between("precision", full.Precision, 1, 1000)
		between("scale", *full.Scale, 0, max(full.Precision, 0))
	case Integer:
		if full.Bits != 32 && full.Bits != 64 {
			c.refuse("bits", fmt.Sprintf("%d is neither 32 nor 64", full.Bits), "use 64, the default, unless another system needs 32")
		}
	}
}

// MostOptions is how many options a select has at most: each write of the field compares with all of them.
const MostOptions = 500

func checkOptions(c *checker, options []Option) {
	if n := len(options); n == 0 || n > MostOptions {
		c.refuse("options", fmt.Sprintf("there are %d options", n), fmt.Sprintf("give 1 to %d; for more, make a form of them and a reference", MostOptions))
	}
	seen := map[string]bool{}
	for i, option := range options {
		place := fmt.Sprintf("options[%d].", i)
		switch {
		case !optionPattern.MatchString(option.Key):
			c.refuse(place+"key", shown(option.Key)+" is not the key of an option", "use 1 to 63 of a-z 0-9 _ -; what people read is the label")
		case seen[option.Key]:
			c.refuse(place+"key", shown(option.Key)+" is there twice", "give each option a key of its own")
		}
		seen[option.Key] = true
		c.label(place+"label", option.Label)
	}
}
