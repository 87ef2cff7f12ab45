package release

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxFlywayDepth is how many sub-folders deep Flyway's files are looked for.
const maxFlywayDepth = 8

var (
	// flywayName is how Flyway names a versioned migration.
	flywayName = regexp.MustCompile(`^V([0-9]+(?:[._][0-9]+)*)__(.*)\.sql$`)
	// flywayNames finds everything that Flyway has names for.
	flywayNames = regexp.MustCompile(`^([VUB][0-9][0-9._]*|R)__.*\.sql$`)
	// flywayCallback finds what Flyway runs around migrations, at every run.
	flywayCallback = regexp.MustCompile(`^(before|after)(Each)?(Migrate|Clean|Info|Validate|Baseline|Repair|Undo|Version|Repeatables|Connect|CreateSchema|Deploy)\w*\.sql$`)
	// flywayCode finds migrations that are programs.
	flywayCode = regexp.MustCompile(`^([VUB][0-9][0-9._]*|R)__.*\.(java|class|kt|groovy|py|ps1|sh|bash|bat|cmd)$`)
)

// flywayWants are the migrations in sub-folders, the scripts' own settings, and programs, to be refused.
func flywayWants(name string) bool {
	return isSQL(name) || strings.HasSuffix(name, flywayConf) || flywayCode.MatchString(path.Base(name))
}

// flywayEvidence looks in sub-folders only where the folder itself holds no SQL: those of others may hold anything.
func flywayEvidence(f folder) []string {
	var files []string
	for _, src := range f.sources {
		if flywayNames.MatchString(src.name) {
			files = append(files, src.name)
		}
	}
	if len(f.sources) > 0 {
		return files
	}
	paths, err := f.below(maxFlywayDepth)
	if err != nil {
		return nil
	}
	for _, name := range paths {
		if flywayNames.MatchString(path.Base(name)) {
			files = append(files, name)
		}
	}
	return files
}

// flywayDrafts takes the versioned migrations of the folder and its sub-folders. A script runs in one transaction unless
// none of its statements can, or its own settings say otherwise.
func flywayDrafts(f folder, found *problems) []draft {
	files := flywayFiles(f, found)
	drafts := make([]draft, 0, len(files))
	for _, file := range files {
		d := draft{
			version:   file.version(),
			name:      file.name,
			body:      file.text,
			line:      1,
			mode:      byContent,
			control:   pairWhole,
			toolTable: "flyway_schema_history",
			outside:   "move it to a file of its own, or write executeInTransaction=false into " + path.Base(file.name) + flywayConf,
		}
		replaces := readFlywayConf(f, &d, found)
		if replaces {
			d.inspect = refusePlaceholders
		}
		drafts = append(drafts, d)
	}
	return drafts
}

// flywaySource is a versioned migration.
type flywaySource struct {
	source
	parts []string
}

func (s flywaySource) version() string {
	return strings.Join(s.parts, ".")
}

func flywayFiles(f folder, found *problems) []flywaySource {
	var files []flywaySource
	for _, src := range slices.Concat(f.sources, f.more) {
		base := path.Base(src.name)
		if match := flywayName.FindStringSubmatch(base); match != nil {
			files = append(files, flywaySource{src, versionParts(match[1])})
			continue
		}
		refuseFlyway(src.name, base, found)
	}
	slices.SortStableFunc(files, func(a, b flywaySource) int {
		return cmp.Or(compareParts(a.parts, b.parts), strings.Compare(a.name, b.name))
	})
	for i := 1; i < len(files); i++ {
		if compareParts(files[i].parts, files[i-1].parts) == 0 {
			found.add(files[i].name, 0, "has the same version as "+files[i-1].name,
				"give one of them the next free version; where sub-folders are for different servers, publish PostgreSQL's alone")
		}
	}
	return files
}

// refuseFlyway says why a file is not applied, unless it is one to leave out.
func refuseFlyway(name, base string, found *problems) {
	kind := flywayNames.MatchString(base)
	switch {
	case strings.HasSuffix(base, flywayConf), kind && base[0] == 'U':
	case kind && base[0] == 'R':
		found.add(name, 0, "is a repeatable migration, which Flyway runs again whenever it changes: a release's files run once and never change",
			"name its content V…__name.sql, and write every change as a new V file (CREATE OR REPLACE …)")
	case kind && base[0] == 'B':
		found.add(name, 0, "is a baseline migration: new databases would begin with it and old ones not",
			"move it out where the V files before it are still there, else name it V…__name.sql")
	case flywayCallback.MatchString(base):
		found.add(name, 0, "is a callback, which Flyway runs at every run", "move it out; what must happen once goes into a V file")
	case flywayCode.MatchString(base):
		found.add(name, 0, "is a migration that is a program, which a release cannot hold", "write it as SQL under the same version")
	default:
		refuseStray(name, Flyway, "V1__name.sql", found)
	}
}

// versionParts reads a version as Flyway does: underscores are dots, leading zeros and zeros at the end do not count.
func versionParts(text string) []string {
	parts := strings.Split(strings.ReplaceAll(text, "_", "."), ".")
	for i, part := range parts {
		parts[i] = cmp.Or(strings.TrimLeft(part, "0"), "0")
	}
	for len(parts) > 1 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// compareParts compares part by part as numbers of any length; a missing part is a zero, and none ends with one.
func compareParts(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if c := cmp.Or(cmp.Compare(len(a[i]), len(b[i])), strings.Compare(a[i], b[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
