package gentle

import (
	"slices"
	"strings"
	"unicode"
)

// Names gives every word of SQL texts that could be the name of a relation, as the catalog has it. It reads no SQL: words
// of strings and comments are among them.
func Names(sql ...string) []string {
	var names []string
	for _, text := range sql {
		names = appendNames(names, text)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func appendNames(names []string, sql string) []string {
	for sql != "" {
		start := strings.IndexFunc(sql, func(r rune) bool { return r == '"' || isNameRune(r) })
		if start < 0 {
			break
		}
		sql = sql[start:]
		if sql[0] == '"' {
			quoted, rest, _ := strings.Cut(sql[1:], `"`)
			names = append(names, quoted)
			sql = rest
			// What a stray quotation mark makes one name of may hold others.
			names = appendNames(names, quoted)
			continue
		}
		end := strings.IndexFunc(sql, func(r rune) bool { return !isNameRune(r) })
		if end < 0 {
			end = len(sql)
		}
		names = append(names, strings.ToLower(sql[:end]))
		sql = sql[end:]
	}
	return names
}

func isNameRune(r rune) bool {
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// TextArray writes texts as a PostgreSQL array.
func TextArray(texts []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = `"` + escape.Replace(text) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}
