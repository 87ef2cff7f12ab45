package ddl

import (
	"fmt"
	"slices"
	"strings"
)

// Problem says why a change cannot be made as it stands, and what to do about it.
type Problem struct {
	// Path of the value in the change, such as "operations[2].default".
	Path string `json:"path"`
	// Message names the value and what is wrong with it.
	Message string `json:"message"`
	// Fix says what to do.
	Fix string `json:"fix"`
	// Rows is how many rows are in the way; 0 when it is not about rows.
	Rows int64 `json:"rows,omitempty"`
	// Examples of such rows, "id 17: 31.02.2026"; at most five.
	Examples []string `json:"examples,omitempty"`
}

// String gives one line.
func (p Problem) String() string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if len(p.Examples) > 0 {
		text += " (" + strings.Join(p.Examples, "; ") + ")"
	}
	return text
}

// Problems is why a change was refused. It is an error; nothing was changed.
type Problems []Problem //nolint:errname // a list that is an error when it is not empty

// Error gives every problem, with its fix.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
		if problem.Fix != "" {
			lines[i] += ": " + problem.Fix
		}
	}
	return strings.Join(lines, "\n")
}

// WithoutValues drops what examples tell of rows but their ids: for logs, and for databases that are not the tenant's own.
func (p Problems) WithoutValues() Problems {
	list := slices.Clone(p)
	for i := range list {
		list[i].Examples = nil
		for _, example := range p[i].Examples {
			if id, _, _ := strings.Cut(example, ":"); strings.HasPrefix(id, "id ") {
				list[i].Examples = append(list[i].Examples, id)
			}
		}
	}
	return list
}

// Summary gives every problem, without its fix.
func (p Problems) Summary() string {
	list := make([]string, len(p))
	for i, problem := range p {
		list[i] = problem.String()
	}
	return strings.Join(list, "\n")
}

// Err returns the problems as an error, nil when there are none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// checker collects what is wrong with one operation.
type checker struct {
	path     string
	problems Problems
	// given are the operation's fields as they were sent; nil for one that was made in Go.
	given map[string]any
}

func (c *checker) refuse(field, message, fix string) {
	path := c.path
	if field != "" {
		path = strings.TrimPrefix(path+"."+field, ".")
	}
	c.problems = append(c.problems, Problem{Path: path, Message: message, Fix: fix})
}

// shown quotes a value for a message and shortens it.
func shown(value string) string {
	const most = 60
	runes := []rune(value)
	if len(runes) > most {
		runes = append(runes[:most], '…')
	}
	return fmt.Sprintf("%q", string(runes))
}
