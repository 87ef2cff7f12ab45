package fanout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/avenit/tenantry/tenants"
)

// Param is the value of a parameter, which a query names as in :day. It is sent beside the text and never becomes part of it.
type Param struct {
	// Value as PostgreSQL reads it as text.
	Value string
	// Type names the value's type, such as date. "" leaves it to the server, which goes by where the parameter stands.
	Type string
}

// The parameters that every query may name: who is asked.
const (
	paramTenantID = "tenant_id"
	paramTenant   = "tenant" // its slug
)

// bound is a query whose parameters are numbered.
type bound struct {
	sql   string
	names []string // of $1 and the next
}

// bind numbers the parameters of a text. A [StatementError] is its only error. What stands in quotes and in comments is left; so are the bounds of an
// array's slice, which look like a parameter, unless there is one of that name.
func bind(sql string, params map[string]Param) (bound, error) {
	var b bound
	var out strings.Builder
	brackets := 0
	for at := 0; at < len(sql); {
		if n := skipped(sql, at); n > 0 {
			out.WriteString(sql[at : at+n])
			at += n
			continue
		}
		switch c := sql[at]; {
		case c == '[':
			brackets++
		case c == ']':
			brackets--
		case c == '$' && at+1 < len(sql) && isDigit(sql[at+1]):
			return b, &StatementError{"it has a parameter with a number: give it a name, as in :day"}
		case c == ':':
			name := wordAt(sql[at+1:])
			kind, known := b.known(name, params)
			if name == "" || !known && brackets > 0 {
				break
			}
			if !known {
				return b, &StatementError{fmt.Sprintf("there is no parameter :%s: there are :%s", name, strings.Join(b.all(params), ", :"))}
			}
			out.WriteString(b.number(name, kind))
			at += 1 + len(name)
			continue
		}
		out.WriteByte(sql[at])
		at++
	}
	b.sql = out.String()
	return b, nil
}

// known gives the type of a parameter.
func (b *bound) known(name string, params map[string]Param) (kind string, known bool) {
	if name == paramTenantID || name == paramTenant {
		return "text", true
	}
	p, known := params[name]
	return p.Type, known
}

func (b *bound) all(params map[string]Param) []string {
	return append(slices.Sorted(maps.Keys(params)), paramTenant, paramTenantID)
}

// number is how a parameter is written for the server.
func (b *bound) number(name, kind string) string {
	n := slices.Index(b.names, name) + 1
	if n == 0 {
		b.names = append(b.names, name)
		n = len(b.names)
	}
	if kind == "" {
		return fmt.Sprintf("$%d", n)
	}
	return fmt.Sprintf("($%d::pg_catalog.%s)", n, tenants.Ident(kind))
}

// values are those of a tenant's query.
func (b *bound) values(params map[string]Param, h tenants.Home) [][]byte {
	if len(b.names) == 0 {
		return nil
	}
	list := make([][]byte, len(b.names))
	for i, name := range b.names {
		switch name {
		case paramTenantID:
			list[i] = []byte(h.TenantID)
		case paramTenant:
			list[i] = []byte(h.Slug)
		default:
			list[i] = []byte(params[name].Value)
		}
	}
	return list
}

// skipped is the length of what begins at a place and holds no parameter: a text, a quoted name, a comment, a word, or an operator with a colon. 0 is that nothing such
// begins there. What is not closed goes on to the end: the server will tell.
func skipped(sql string, at int) int {
	rest := sql[at:]
	switch c := sql[at]; {
	case strings.HasPrefix(rest, "--"):
		line, _, _ := strings.Cut(rest, "\n")
		return len(line)
	case strings.HasPrefix(rest, "/*"):
		return len(rest) - len(afterComment(rest))
	case c == '\'':
		return quotedLength(rest, '\'', false)
	case c == '"':
		return quotedLength(rest, '"', false)
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		return 1 + quotedLength(rest[1:], '\'', true)
	case c == '$':
		return dollarLength(rest)
	case strings.HasPrefix(rest, "::"), strings.HasPrefix(rest, ":="):
		return 2
	default:
		n := len(wordAt(rest))
		for n > 0 && n < len(rest) && (rest[n] == '$' || isDigit(rest[n]) || isLetter(rest[n])) { // a name may have dollars, but where it begins
			n++
		}
		return n
	}
}

// quotedLength is the length of a quoted text with its quotes. A quote in it is written twice, so that it is two texts to this.
func quotedLength(rest string, quote byte, backslashes bool) int {
	for i := 1; i < len(rest); i++ {
		switch {
		case backslashes && rest[i] == '\\':
			i++
		case rest[i] == quote:
			return i + 1
		}
	}
	return len(rest)
}

// dollarLength is the length of a text in dollar quotes, 0 where none begins.
func dollarLength(rest string) int {
	tag := "$" + wordAt(rest[1:]) + "$"
	if !strings.HasPrefix(rest, tag) {
		return 0
	}
	end := strings.Index(rest[len(tag):], tag)
	if end < 0 {
		return len(rest)
	}
	return len(tag) + end + len(tag)
}

// wordAt is the name that a text begins with, "" where it begins with none.
func wordAt(text string) string {
	n := 0
	for n < len(text) && (isLetter(text[n]) || n > 0 && isDigit(text[n])) {
		n++
	}
	return text[:n]
}

func isLetter(c byte) bool { return c == '_' || (c|0x20) >= 'a' && (c|0x20) <= 'z' || c >= 0x80 }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
