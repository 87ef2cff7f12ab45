package ddl

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/avenit/tenantry/tenants"
)

// Where forms live in a tenant's database. All three are ours alone.
const (
	// DataSchema has the tables of forms and of many-to-many fields.
	DataSchema = "form_data"
	// ViewSchema has a view per form, named and labelled for people.
	ViewSchema = "form_views"
	// TrashSchema has the tables of dropped forms until they are purged. Nobody but the owner may use it.
	TrashSchema = "form_trash"
)

// Schemas lists them.
func Schemas() []string { return []string{DataSchema, ViewSchema, TrashSchema} }

// Columns that every form's table has.
const (
	columnID      = "id"
	columnCreated = "created_at"
	columnUpdated = "updated_at"
)

// prefix says what a physical name is of.
type prefix string

const (
	ofTable      prefix = "d_"
	ofField      prefix = "f_"
	ofJoin       prefix = "j_"
	ofIndex      prefix = "i_"
	ofUnique     prefix = "u_"
	ofCheck      prefix = "c_"
	ofProof      prefix = "n_" // proves that a column has no NULL, for a while
	ofForeignKey prefix = "r_"
	ofLost       prefix = "l_" // index of the rows whose value a conversion would lose, for a while
	ofCarry      prefix = "m_" // triggers and function that carry rows over to the table that takes another's place
	ofSync       prefix = "s_" // trigger and function that write two columns of one field
)

// alphabet is Crockford's base 32: no letter that is taken for a digit.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// physical makes a name of a number: d_0001.
func physical(p prefix, n int64) string {
	const least = 4
	var digits []byte
	for ; n > 0 || len(digits) < least; n /= int64(len(alphabet)) {
		digits = append([]byte{alphabet[n%int64(len(alphabet))]}, digits...)
	}
	return string(p) + string(digits)
}

// number is the part of a physical name behind its prefix, to name what belongs to it.
func number(name string) string {
	_, digits, _ := strings.Cut(name, "_")
	return digits
}

var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// reservedKeys are the columns that every form has.
var reservedKeys = []string{columnID, columnCreated, columnUpdated}

// key checks a form's or a field's stable key.
func (c *checker) key(field, key string) {
	if !keyPattern.MatchString(key) {
		c.refuse(field, shown(key)+" is not a key", "a key has 1 to 63 of a-z 0-9 _ and begins with a letter; what people read is the label")
	}
}

// label checks what people read. It may be any text that PostgreSQL can keep.
func (c *checker) label(field, label string) {
	switch {
	case len(label) > MostLabelBytes:
		c.refuse(field, fmt.Sprintf("the label has %d bytes", len(label)), fmt.Sprintf("shorten it to %d", MostLabelBytes))
	case strings.ContainsRune(label, 0):
		c.refuse(field, shown(label)+" holds a NUL, which PostgreSQL cannot keep", "remove it")
	case !utf8.ValidString(label):
		c.refuse(field, shown(label)+" is not UTF-8", "send it as UTF-8")
	}
}

// mostNameBytes is how long a name may be in PostgreSQL; it cuts longer ones without an error.
const mostNameBytes = 63

// Names gives columns or views their names: the labels, as far as PostgreSQL can have them. Labels are normalised (é is one
// name, however it was typed), control characters become spaces, what is too long is cut between two characters,
// an empty one is replaced by its key, and one that is taken gets a number: "Name (2)".
type names struct {
	taken map[string]bool
}

func (n *names) of(label, key string) string {
	clean := norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, label))
	clean = strings.TrimSpace(clean)
	if clean == "" {
		clean = key
	}
	name := cutName(clean, mostNameBytes)
	for i := 2; n.taken[name]; i++ {
		suffix := fmt.Sprintf(" (%d)", i)
		name = cutName(clean, mostNameBytes-len(suffix)) + suffix
	}
	n.taken[name] = true
	return name
}

// cutName shortens a text to so many bytes, and not inside of a character.
func cutName(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return strings.TrimSpace(text[:most])
}

// ident quotes a name, in a schema when that is given.
func ident(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = tenants.Ident(part)
	}
	return strings.Join(quoted, ".")
}

// data is a table of DataSchema, quoted.
func data(table string) string { return ident(DataSchema, table) }
