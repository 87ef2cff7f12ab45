package release

import (
	"path"
	"slices"
	"strings"
)

const (
	drizzleJournal  = "meta/_journal.json"
	drizzleSnapshot = "snapshot.json"
	// drizzleBreak is between two statements; the server would take it for a comment.
	drizzleBreak = "--> statement-breakpoint"
)

func drizzleWants(name string) bool {
	return name == drizzleJournal || path.Base(name) == migrationFile
}

// drizzleEvidence takes what stands beside a journal for Drizzle's, unless its name or its text is another tool's.
func drizzleEvidence(f folder) []string {
	var files []string
	journal := f.has(drizzleJournal)
	if journal {
		files = append(files, drizzleJournal)
	}
	for _, src := range f.sources {
		others := upDownName.MatchString(src.name) || flywayNames.MatchString(src.name) || gooseLine.MatchString(src.text)
		if strings.Contains(src.text, drizzleBreak) || journal && !others {
			files = append(files, src.name)
		}
	}
	if slices.Contains(f.names, prismaLock) {
		return files
	}
	for _, dir := range f.dirs {
		if name := path.Join(dir, migrationFile); f.has(name) && f.has(path.Join(dir, drizzleSnapshot)) {
			files = append(files, name)
		}
	}
	return files
}

// drizzleDrafts takes the files in the journal's order; without a journal, and in sub-folders, in the order of names.
func drizzleDrafts(f folder, found *problems) []draft {
	drafts := folderDrafts(f)
	journal, there := f.text(drizzleJournal)
	switch {
	case there && len(drafts) > 0:
		found.add(drafts[0].name, 0, "is Drizzle's newer layout, and "+drizzleJournal+" is its older one",
			"keep one of them: drizzle-kit up turns the older into the newer")
	case there:
		drafts = journalDrafts(f, journal, found)
	case len(drafts) > 0:
		for _, src := range f.sources {
			refuseStray(src.name, Drizzle, "20240101120000_name/migration.sql", found)
		}
	default:
		found.add(drizzleJournal, 0, "is missing: it says in which order Drizzle's files are applied", "publish the whole folder that drizzle-kit writes")
	}
	for i := range drafts {
		drafts[i].body = breakStatements(drafts[i].body)
		drafts[i].mode, drafts[i].control, drafts[i].toolTable = byNeed, drizzleControl, "__drizzle_migrations"
	}
	return drafts
}

// breakStatements puts a semicolon in the place of each breakpoint: the statement before it need not have one. Lines and
// offsets stay what they are.
func breakStatements(text string) string {
	return strings.ReplaceAll(text, drizzleBreak, ";"+strings.Repeat(" ", len(drizzleBreak)-1))
}
