package release

import (
	"fmt"
	"strings"
)

// Format names a way to lay out migrations in a folder.
type Format string

const (
	// Goose is pressly/goose's SQL format: "-- +goose Up" and its kin.
	Goose Format = "goose"
	// Plain is numbered SQL without annotations: 0001_name.sql, 20240101120000_name.sql.
	Plain Format = "plain"
)

// layout reads one format.
type layout struct {
	format Format
	// claims reports whether the folder is written in this format; layouts are asked in order.
	claims func(folder) bool
	// drafts gives the files in the order in which they are applied.
	drafts func(folder, *problems) []draft
}

func layouts() []layout {
	return []layout{
		{format: Goose, claims: isGoose, drafts: gooseDrafts},
		{format: Plain, claims: func(folder) bool { return true }, drafts: plainDrafts},
	}
}

// formatsRead says in messages what Read understands.
const formatsRead = "goose SQL files and plain numbered SQL files (0001_name.sql) are read"

// detect picks the layout, or reports why there is none.
func detect(f folder, asked Format, found *problems) (layout, bool) {
	if refuseForeign(f, found) {
		return layout{}, false
	}
	if len(f.sources) == 0 {
		found.add(f.dir, 0, "holds no SQL file", formatsRead)
		return layout{}, false
	}
	known := []string{}
	for _, candidate := range layouts() {
		if asked == candidate.format || asked == "" && candidate.claims(f) {
			return candidate, true
		}
		known = append(known, string(candidate.format))
	}
	found.add(f.dir, 0, fmt.Sprintf("was to be read as %q, which is no format", asked), "there are "+strings.Join(known, ", "))
	return layout{}, false
}
