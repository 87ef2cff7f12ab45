package release

import (
	"regexp"
	"strconv"
)

var (
	// golangMigrateName is how golang-migrate names the way there.
	golangMigrateName = regexp.MustCompile(`^([0-9]+)_(.*)\.up\.sql$`)
	// upDownName finds its files, also misnamed ones, and the way back.
	upDownName = regexp.MustCompile(`(?i)\.(up|down)\.sql$`)
	downName   = regexp.MustCompile(`(?i)\.down\.sql$`)
	// morphLine is how morph, which has the same names, says that a file is to run without a transaction.
	morphLine = regexp.MustCompile(`(?m)^--[ \t]*morph:nontransactional[ \t]*$`)
)

func golangMigrateEvidence(f folder) []string {
	var files []string
	for _, src := range f.sources {
		if upDownName.MatchString(src.name) && !gooseLine.MatchString(src.text) {
			files = append(files, src.name)
		}
	}
	return files
}

// golangMigrateDrafts takes the way there of each migration. golang-migrate sends a file as one string, which the server
// runs in one transaction unless it is a single statement.
func golangMigrateDrafts(f folder, found *problems) []draft {
	files := golangMigrateFiles(f, found)
	drafts := make([]draft, 0, len(files))
	for _, file := range files {
		d := draft{
			version:   file.version(),
			name:      file.name,
			body:      file.text,
			line:      1,
			mode:      byContent,
			control:   pairsMerge,
			toolTable: "schema_migrations",
			outside:   "move it to a file of its own, as golang-migrate needs it too",
		}
		if morphLine.MatchString(file.text) {
			d.mode, d.control = statementwise, controlRefused
		}
		drafts = append(drafts, d)
	}
	return drafts
}

func golangMigrateFiles(f folder, found *problems) []numberedSource {
	files := make([]numberedSource, 0, len(f.sources))
	for _, src := range f.sources {
		match := golangMigrateName.FindStringSubmatch(src.name)
		switch {
		case match == nil && downName.MatchString(src.name):
		case match == nil:
			refuseStray(src.name, GolangMigrate, "0001_name.up.sql", found)
		default:
			number, err := strconv.ParseInt(match[1], 10, 64)
			if err != nil {
				found.add(src.name, 0, "the number "+match[1]+" is greater than 9223372036854775807", "number by date and time at most")
				continue
			}
			files = append(files, numberedSource{source: src, number: number})
		}
	}
	return inOrder(files, found)
}
