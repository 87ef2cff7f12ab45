package release

import (
	"regexp"
	"strings"
)

// foreignNames are file names by which the folders of tools that are not read are known.
var foreignNames = []struct {
	tool string
	name *regexp.Regexp
}{
	{"Liquibase", regexp.MustCompile(`(?i)^(db\.)?changelog.*\.(xml|ya?ml|json)$`)},
}

// foreignLines are lines by which such tools' SQL files are known. Read as plain SQL, such a file's way back would be
// applied right after its way there.
var foreignLines = []struct {
	tool string
	line *regexp.Regexp
}{
	{"dbmate", regexp.MustCompile(`(?mi)^--\s*migrate:(up|down)\b`)},
	{"sql-migrate", regexp.MustCompile(`(?mi)^--\s*\+migrate\s+(Up|Down)\b`)},
	{"tern", regexp.MustCompile(`(?mi)^----\s*create above\s*/\s*drop below\s*----`)},
	{"node-pg-migrate", regexp.MustCompile(`(?mi)^--\s*(Up|Down) Migration\b`)},
	{"Liquibase", regexp.MustCompile(`(?mi)^--\s*liquibase formatted sql`)},
	{"rambler", regexp.MustCompile(`(?mi)^--\s*rambler (up|down)\b`)},
}

// refuseForeign reports, once for each tool, what was written for another tool. It is asked where nothing speaks for a
// format that is read; elsewhere such a line is a comment.
func refuseForeign(f folder, found *problems) bool {
	tools := map[string]bool{}
	refuse := func(tool, file string, line int) {
		if !tools[tool] {
			tools[tool] = true
			found.add(file, line, "was written for "+tool+", which is not read yet", formatsRead)
		}
	}
	for _, name := range f.names {
		for _, foreign := range foreignNames {
			if foreign.name.MatchString(name) {
				refuse(foreign.tool, name, 0)
			}
		}
	}
	for _, src := range f.sources {
		for _, foreign := range foreignLines {
			if at := foreign.line.FindStringIndex(src.text); at != nil {
				refuse(foreign.tool, src.name, 1+strings.Count(src.text[:at[0]], "\n"))
			}
		}
	}
	return len(tools) > 0
}
