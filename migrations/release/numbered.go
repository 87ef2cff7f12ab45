package release

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// numberedName is what goose and plain folders share: digits, an underscore, a name.
var numberedName = regexp.MustCompile(`^([0-9]+)_(.+)\.sql$`)

// numberedSource is a file whose name begins with its number.
type numberedSource struct {
	source
	number int64
}

func (n numberedSource) version() string {
	return strconv.FormatInt(n.number, 10)
}

// numbered sorts the folder's files by number. Names without a number and numbers that come twice are refused.
func numbered(f folder, found *problems) []numberedSource {
	files := make([]numberedSource, 0, len(f.sources))
	for _, src := range f.sources {
		match := numberedName.FindStringSubmatch(src.name)
		if match == nil {
			found.add(src.name, 0, "the name does not begin with a number and an underscore",
				"name it like 0001_name.sql or 20240101120000_name.sql, or move it out of the folder")
			continue
		}
		number, err := strconv.ParseInt(match[1], 10, 64)
		if err != nil || number < 1 {
			found.add(src.name, 0, "the number "+match[1]+" is not between 1 and 9223372036854775807", "number from 1, or by date and time")
			continue
		}
		files = append(files, numberedSource{source: src, number: number})
	}
	return inOrder(files, found)
}

// inOrder sorts files by number and refuses numbers that come twice.
func inOrder(files []numberedSource, found *problems) []numberedSource {
	slices.SortStableFunc(files, func(a, b numberedSource) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(files); i++ {
		if files[i].number == files[i-1].number {
			found.add(files[i].name, 0, "has the same number as "+files[i-1].name, "give one of them the next free number")
		}
	}
	return files
}

// goFileName is how a migration written in Go is named: it would be left out without a word.
var goFileName = regexp.MustCompile(`^[0-9]+_.+\.go$`)

// refuseGoMigrations names the migrations that are code.
func refuseGoMigrations(f folder, found *problems) {
	for _, name := range f.names {
		if goFileName.MatchString(path.Base(name)) && !strings.HasSuffix(name, "_test.go") {
			found.add(name, 0, "is a migration written in Go, which a release cannot hold", "write it as SQL under the same number")
		}
	}
}
