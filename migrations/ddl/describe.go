package ddl

import (
	"encoding/json"
	"strings"
)

// Describe says in a few words what an operation does to what: "add_field projects.budget".
func Describe(op Operation) string {
	encoded, err := json.Marshal(op)
	if err != nil {
		return op.Op()
	}
	var about struct {
		Form   string   `json:"form"`
		Field  string   `json:"field"`
		Fields []string `json:"fields"`
	}
	if json.Unmarshal(encoded, &about) != nil {
		return op.Op()
	}
	text := op.Op() + " " + about.Form
	if about.Field != "" {
		text += "." + about.Field
	}
	if len(about.Fields) > 0 {
		text += " (" + strings.Join(about.Fields, ", ") + ")"
	}
	return text
}
