package fingerprint

import (
	"regexp"

	"github.com/jackc/pgx/v5"
)

// roleNames are placeholders by role.
type roleNames map[string]string

var (
	plainRole = regexp.MustCompile(`^[a-z_][a-z0-9_$]*$`)
	marked    = regexp.MustCompile("\x01([^\x01]*)\x01")
)

// name is how a role is written. One without a placeholder is quoted where it might be taken for one.
func (r roleNames) name(role string) string {
	if placeholder, ok := r[role]; ok {
		return placeholder
	}
	if plainRole.MatchString(role) {
		return role
	}
	return pgx.Identifier{role}.Sanitize()
}

func (r roleNames) replaceMarked(text string) string {
	return marked.ReplaceAllStringFunc(text, func(s string) string { return r.name(s[1 : len(s)-1]) })
}
