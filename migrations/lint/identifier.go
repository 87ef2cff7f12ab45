package lint

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// nameFields are the fields of a parse tree that hold new or old names.
var nameFields = words(`colname relname conname idxname newname trigname subname policy_name domainname ctename schemaname sval name indexname`)

// lookAtNames finds names that PostgreSQL cuts off. The grammar has cut them already, so the statement's text is looked at.
func (v *visit) lookAtNames(t tree, sql string) {
	told := map[string]bool{}
	each(tree{"": map[string]any(t)}, func(_ string, node tree) {
		for field, value := range node {
			text, ok := value.(string)
			if !ok || !nameFields[field] || len(text) <= maxNameBytes-utf8.UTFMax || len(text) > maxNameBytes || told[text] || !goesOn(sql, text) {
				continue
			}
			told[text] = true
			v.note("identifier_too_long", fmt.Sprintf("a name has more than %d bytes: PostgreSQL cuts it to %s with a NOTICE only", maxNameBytes, ident(text)), "write a shorter name")
		}
	})
}

// goesOn reports whether a name is longer in the text than its beginning that the grammar has kept.
func goesOn(sql, kept string) bool {
	lower := strings.ToLower(sql)
	for at := 0; ; {
		found := strings.Index(lower[at:], strings.ToLower(kept))
		if found < 0 {
			return false
		}
		start, end := at+found, at+found+len(kept)
		if end >= len(lower) {
			return false
		}
		next, _ := utf8.DecodeRuneInString(lower[end:])
		switch {
		case start > 0 && lower[start-1] == '"':
			if next != '"' {
				return true
			}
		case start > 0 && lower[start-1] == '\'':
		case next == '_' || next == '$' || next >= utf8.RuneSelf || next >= '0' && next <= '9' || next >= 'a' && next <= 'z':
			return true
		}
		at = end
	}
}
