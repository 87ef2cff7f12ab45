package looks

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/avenit/tenantry/tenants"
)

// SchemaName names the schema of a look: what it is, the time of the backup, and the end of the operation's id, which is random. Asking again gives the same name.
func SchemaName(taken time.Time, operation string) string {
	const random = 8
	return tenants.LookPrefix + taken.UTC().Format("20060102t150405") + "_" + operation[max(0, len(operation)-random):]
}

// name is a table's name as somebody has given it. schema is "" where none was given.
type name struct{ schema, table string }

func (n name) String() string {
	if n.schema == "" {
		return shown(n.table)
	}
	return shown(n.schema) + "." + shown(n.table)
}

// shown writes an identifier as SQL takes it, with quotes only where it needs them.
func shown(identifier string) string {
	if rest, ok := unquoted(identifier); ok && rest == "" && folded(identifier) == identifier {
		return identifier
	}
	return tenants.Ident(identifier)
}

// parseName reads TABLE or SCHEMA.TABLE as SQL does: what is not in double quotes is folded to small letters.
func parseName(text string) (name, error) {
	wrong := &tenants.RefusedError{
		Message: fmt.Sprintf("tables: %q is not the name of a table", text),
		Fix:     `give TABLE or SCHEMA.TABLE, with double quotes around what has capitals or other signs, as SQL has it: billing."Odd.Name"`,
	}
	var parts []string
	for rest := strings.TrimSpace(text); ; {
		part, after, ok := nextPart(rest)
		if !ok {
			return name{}, wrong
		}
		parts = append(parts, part)
		if after == "" {
			break
		}
		if after[0] != '.' {
			return name{}, wrong
		}
		rest = after[1:]
	}
	switch len(parts) {
	case 1:
		return name{table: parts[0]}, nil
	case 2:
		return name{schema: parts[0], table: parts[1]}, nil
	}
	return name{}, wrong
}

// nextPart takes one identifier off the beginning of a name.
func nextPart(text string) (part, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		rest, ok := unquoted(text)
		return folded(text[:len(text)-len(rest)]), rest, ok
	}
	var out strings.Builder
	for rest = text[1:]; ; {
		before, after, found := strings.Cut(rest, `"`)
		if !found {
			return "", "", false
		}
		out.WriteString(before)
		if !strings.HasPrefix(after, `"`) {
			return out.String(), after, out.Len() > 0
		}
		out.WriteByte('"') // a doubled one is one of the name
		rest = after[1:]
	}
}

// unquoted gives what follows the identifier that text begins with, which has no quotes.
func unquoted(text string) (rest string, ok bool) {
	end := strings.IndexFunc(text, func(r rune) bool {
		return r < utf8.RuneSelf && r != '_' && r != '$' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end < 0 {
		end = len(text)
	}
	return text[end:], end > 0 && text[0] != '$' && (text[0] < '0' || text[0] > '9')
}

// folded is what SQL makes of an identifier without quotes.
func folded(identifier string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, identifier)
}
