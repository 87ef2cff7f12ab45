package adopt

import (
	"context"
	"fmt"
	"slices"
)

// History is what a tool says of a database.
type History struct {
	// Table is where the history was read.
	Table Table
	// Applied are the versions that are applied, as [release.File] names them, in the order in which the tool lists them, each once.
	Applied []string
	// UpTo is set by tools that keep only the newest version: every file up to it is applied. "" otherwise.
	UpTo string
	// Count is set by tools that keep no names: so many files are applied. 0 otherwise.
	Count int
	// Notes are what a person should know: rows that were left out and why.
	Notes []string
}

// Read reads a history as its tool does, and refuses one that the tool itself would not go on from. It takes no locks beyond reading.
func Read(ctx context.Context, q Querier, table Table) (History, error) {
	h, err := formatOf(table.Tool).read(ctx, q, table.Identifier().Sanitize())
	h.Table = table
	if err != nil {
		return h, fmt.Errorf("read %s: %w", table, err)
	}
	if len(h.Applied) == 0 && h.UpTo == "" && h.Count == 0 {
		return h, refuse("create a new tenant instead, or run the tool first", "the history in %s is empty: nothing was ever applied", table)
	}
	return h, nil
}

// Same says whether two readings of one table say the same.
func (h History) Same(other History) bool {
	return h.Table == other.Table && slices.Equal(h.Applied, other.Applied) && h.UpTo == other.UpTo && h.Count == other.Count
}
