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

// detect picks the layout. It returns nil when the folder was refused.
func detect(f folder, asked Format, found *problems) (*layout, error) {
	if refuseForeign(f, found) {
		return nil, nil //nolint:nilnil // The refusal is among the problems.
	}
	if len(f.sources) == 0 {
		found.add(f.dir, 0, "holds no SQL file", formatsRead)
		return nil, nil //nolint:nilnil // The refusal is among the problems.
	}
	known := []string{}
	for _, candidate := range layouts() {
		if asked == candidate.format || asked == "" && candidate.claims(f) {
			return &candidate, nil
		}
		known = append(known, string(candidate.format))
	}
	return nil, fmt.Errorf("read migrations as %q: no such format, there are %s", asked, strings.Join(known, ", "))
}
