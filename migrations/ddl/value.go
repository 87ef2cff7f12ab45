package ddl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/avenit/tenantry/tenants"
)

var (
	currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)
	optionPattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	integerPattern  = regexp.MustCompile(`^-?[0-9]{1,19}$`)
	decimalPattern  = regexp.MustCompile(`^(-?)([0-9]+)(?:\.([0-9]+))?$`)
)

// What texts of a type look like. The same pattern is used by Go, for defaults, and by PostgreSQL, for rows: it is plain enough to mean the same
// to both. They keep obvious mistakes out, and nothing that exists.
var textPatterns = map[Type]string{
	Email: `^[^@[:space:]]+@[^@[:space:]]+$`,
	URL:   `^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$`,
	Phone: `^[+]?[0-9][0-9 ()/.-]*$`,
}

// What texts of a type have at most, in characters; 0 is no limit.
func (s Spec) mostCharacters() int {
	switch s.Type { //nolint:exhaustive // the others have no limit
	case ShortText, LongText:
		return s.MaxLength
	case Email:
		return 320 // RFC 5321: 64 before the @, 255 behind it
	case URL:
		return 2048
	case Phone:
		return 40
	case File:
		return 1024
	default:
		return 0
	}
}

// textCondition limits length and, for some, the look.
func textCondition(s Spec, x string) string {
	var all []string
	if most := s.mostCharacters(); most > 0 {
		all = append(all, fmt.Sprintf("char_length(%s) <= %d", x, most))
	}
	if pattern := textPatterns[s.Type]; pattern != "" {
		all = append(all, x+" ~ "+tenants.Literal(pattern))
	}
	return strings.Join(all, " AND ")
}

func textConstant(s Spec, value json.RawMessage) (sql, wrong string) {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", string(value) + " is not a string"
	}
	if most := s.mostCharacters(); most > 0 && utf8.RuneCountInString(text) > most {
		return "", fmt.Sprintf("%s has %d characters, and a %s has at most %d", shown(text), utf8.RuneCountInString(text), s.Type, most)
	}
	// What counts as a space depends on the database's locale: the widest of them.
	spaced := s.Type != Phone && strings.ContainsFunc(text, unicode.IsSpace)
	if pattern := textPatterns[s.Type]; pattern != "" && (spaced || !regexp.MustCompile(pattern).MatchString(text)) {
		return "", fmt.Sprintf("%s is not a value of type %s", shown(text), s.Type)
	}
	return textLiteral(text)
}

func textLiteral(text string) (sql, wrong string) {
	if strings.ContainsRune(text, 0) {
		return "", shown(text) + " holds a NUL, which PostgreSQL cannot keep"
	}
	return strings.TrimSpace(tenants.Literal(text)), ""
}

func integerColumn(s Spec) string {
	if s.Bits == 32 {
		return "integer"
	}
	return "bigint"
}

func integerConstant(s Spec, value json.RawMessage) (sql, wrong string) {
	text := unquoted(value)
	bits := or(s.Bits, 64)
	if _, err := strconv.ParseInt(text, 10, bits); err != nil || !integerPattern.MatchString(text) {
		return "", fmt.Sprintf("%s is not an integer of %d bits", string(value), bits)
	}
	return "'" + text + "'", ""
}

func decimalColumn(s Spec) string {
	return fmt.Sprintf("numeric(%d,%d)", s.Precision, *s.Scale)
}

func decimalConstant(s Spec, value json.RawMessage) (sql, wrong string) {
	parts := decimalPattern.FindStringSubmatch(unquoted(value))
	if parts == nil {
		return "", string(value) + " is not a decimal number such as 12.50"
	}
	whole, fraction := strings.TrimLeft(parts[2], "0"), strings.TrimRight(parts[3], "0")
	if len(whole) > s.Precision-*s.Scale || len(fraction) > *s.Scale {
		return "", fmt.Sprintf("%s does not fit a number of %d digits, %d of them behind the point", string(value), s.Precision, *s.Scale)
	}
	return "'" + parts[0] + "'", ""
}

// unquoted gives a number that was written as one, or as a string: JSON's own numbers lose digits in many languages.
func unquoted(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

func booleanConstant(_ Spec, value json.RawMessage) (sql, wrong string) {
	switch string(value) {
	case "true", "false":
		return string(value), ""
	}
	return "", string(value) + " is neither true nor false"
}

// timeLayouts are how dates and times are written: ISO 8601, and nothing that a setting of the server could read otherwise.
var timeLayouts = map[Type][]string{
	Date:     {"2006-01-02"},
	DateTime: {time.RFC3339Nano},
	Time:     {"15:04", "15:04:05", "15:04:05.999999"},
}

var timeWritten = map[Type]string{Date: "2006-01-02", DateTime: "2006-01-02T15:04:05.999999Z07:00", Time: "15:04:05.999999"}

var timeExamples = map[Type]string{Date: "2026-11-27", DateTime: "2026-11-27T17:00:00Z", Time: "17:00"}

func timeConstant(s Spec, value json.RawMessage) (sql, wrong string) {
	var text string
	if err := json.Unmarshal(value, &text); err == nil {
		for _, layout := range timeLayouts[s.Type] {
			at, err := time.Parse(layout, text)
			if err != nil {
				continue
			}
			if at = at.UTC(); s.Type != Time && (at.Year() < 1 || at.Year() > 9999) {
				continue
			}
			return "'" + at.Format(timeWritten[s.Type]) + "'", "" // anew: Go reads more than PostgreSQL does
		}
	}
	return "", fmt.Sprintf("%s is not a %s such as %s", string(value), s.Type, timeExamples[s.Type])
}

func optionKeys(options []Option) []string {
	keys := make([]string, len(options))
	for i, option := range options {
		keys[i] = option.Key
	}
	return keys
}

func hasOption(options []Option, key string) bool {
	for _, option := range options {
		if option.Key == key {
			return true
		}
	}
	return false
}

// keyArray is the options as an SQL array. Keys hold nothing that needs quoting; they are quoted all the same.
func keyArray(options []Option) string {
	quoted := make([]string, len(options))
	for i, key := range optionKeys(options) {
		quoted[i] = tenants.Literal(key)
	}
	slices.Sort(quoted) // their order is people's business
	return "ARRAY[" + strings.Join(quoted, ", ") + "]::text[]"
}

func selectCondition(s Spec, x string) string { return x + " = ANY (" + keyArray(s.Options) + ")" }

func multiSelectCondition(s Spec, x string) string { return x + " <@ " + keyArray(s.Options) }

func selectConstant(s Spec, value json.RawMessage) (sql, wrong string) {
	var key string
	if err := json.Unmarshal(value, &key); err != nil || !hasOption(s.Options, key) {
		return "", fmt.Sprintf("%s is none of the options %s", string(value), strings.Join(optionKeys(s.Options), ", "))
	}
	return tenants.Literal(key), ""
}

func multiSelectConstant(s Spec, value json.RawMessage) (sql, wrong string) {
	var keys []string
	if err := json.Unmarshal(value, &keys); err != nil {
		return "", string(value) + " is not an array of options"
	}
	quoted := make([]string, len(keys))
	for i, key := range keys {
		if !hasOption(s.Options, key) {
			return "", fmt.Sprintf("%s is none of the options %s", shown(key), strings.Join(optionKeys(s.Options), ", "))
		}
		quoted[i] = tenants.Literal(key)
	}
	return "ARRAY[" + strings.Join(quoted, ", ") + "]", ""
}

func referenceConstant(s Spec, value json.RawMessage) (sql, wrong string) {
	id := unquoted(value)
	if _, err := strconv.ParseInt(id, 10, 64); err != nil || !integerPattern.MatchString(id) {
		return "", fmt.Sprintf("%s is not the id of a row of form %s", string(value), s.References)
	}
	return "'" + id + "'", ""
}

// jsonConstant writes the value anew: Go reads half a surrogate pair as a replacement character, PostgreSQL refuses it.
func jsonConstant(_ Spec, value json.RawMessage) (sql, wrong string) {
	var v any
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return "", "it is not JSON"
	}
	if number := hugeNumber(v); number != "" {
		return "", fmt.Sprintf("it holds the number %s, which PostgreSQL cannot keep", shown(number))
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return "", "it is not JSON"
	}
	if strings.Contains(string(encoded), `\u0000`) {
		return "", "it holds a NUL, which PostgreSQL cannot keep"
	}
	return textLiteral(string(encoded))
}

// hugeNumber finds a number that jsonb, which keeps numbers as numeric, has no room for: "" for none.
func hugeNumber(v any) string {
	const most = 16_000 // digits behind the point, and letters; numeric has room for 16,383
	switch x := v.(type) {
	case json.Number:
		_, exponent, _ := strings.Cut(strings.ToLower(x.String()), "e")
		if n, err := strconv.Atoi(or(exponent, "0")); err != nil || n > most || n < -most || len(x) > most/2 {
			return x.String()
		}
	case []any:
		for _, one := range x {
			if number := hugeNumber(one); number != "" {
				return number
			}
		}
	case map[string]any:
		for _, one := range x {
			if number := hugeNumber(one); number != "" {
				return number
			}
		}
	}
	return ""
}
