package release

import (
	"encoding/json"
	"fmt"
	"strings"
)

// journal is what drizzle-kit keeps of its migrations.
type journal struct {
	Dialect string `json:"dialect"`
	Entries []struct {
		Tag string `json:"tag"`
	} `json:"entries"`
}

// journalDrafts takes the files that the journal names, in its order. Entries and files must match.
func journalDrafts(f folder, text string, found *problems) []draft {
	var j journal
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		found.add(drizzleJournal, 0, fmt.Sprintf("is no journal of drizzle-kit: %v", err), "restore it; a merge may have broken it")
		return nil
	}
	if j.Dialect != "postgresql" && j.Dialect != "pg" {
		found.add(drizzleJournal, lineOf(text, `"dialect"`), fmt.Sprintf("says that the migrations are written for %q", j.Dialect),
			"a release is for PostgreSQL: publish the folder of dialect postgresql")
	}
	files := make(map[string]source, len(f.sources))
	for _, src := range f.sources {
		files[strings.TrimSuffix(src.name, ".sql")] = src
	}
	var drafts []draft
	listed := map[string]bool{}
	for _, entry := range j.Entries {
		src, there := files[entry.Tag]
		switch {
		case listed[entry.Tag]:
			found.add(drizzleJournal, lineOf(text, `"`+entry.Tag+`"`), fmt.Sprintf("lists %q twice", entry.Tag), "delete one of the entries")
			continue
		case !there:
			found.add(drizzleJournal, lineOf(text, `"`+entry.Tag+`"`), fmt.Sprintf("lists %q, and there is no %s.sql", entry.Tag, entry.Tag),
				"restore the file; if it was never applied anywhere, drizzle-kit drop removes the entry")
			continue
		}
		listed[entry.Tag] = true
		drafts = append(drafts, draft{
			version: entry.Tag,
			name:    src.name,
			body:    src.text,
			line:    1,
			outside: `write "COMMIT;" before it, as Drizzle needs it too, or move it to a file of its own`,
		})
	}
	for _, src := range f.sources {
		if !listed[strings.TrimSuffix(src.name, ".sql")] {
			found.add(src.name, 0, "is not listed in "+drizzleJournal+": Drizzle would not apply it",
				"make it with drizzle-kit generate, which lists it, or move it out of the folder")
		}
	}
	return drafts
}

// lineOf returns the line of a text's first occurrence, 0 when there is none.
func lineOf(text, word string) int {
	before, _, there := strings.Cut(text, word)
	if !there {
		return 0
	}
	return 1 + countLines(before)
}
