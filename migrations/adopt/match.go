package adopt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/avenit/tenantry/migrations/release"
)

// Match returns how many of a release's files a history has, which are its first ones. It is pure. A [*tenants.RefusedError] says what is missing, unknown or
// out of order, of a release that was made for another tool, and of a history that goes beyond the release.
func Match(h History, rel *release.Release) (int, error) {
	if !slices.Contains(formatOf(h.Table.Tool).releases, rel.Format) {
		return 0, refuse("publish the folder that was applied here, in a fleet of its own",
			"the history in %s is %s's, release %s was read from a folder of %s", h.Table, h.Table.Tool, rel.Name, rel.Format)
	}
	if h.Count > 0 {
		return matchCount(h, rel)
	}
	applied, err := appliedFiles(h, rel)
	if err != nil {
		return 0, err
	}
	n := 0
	for n < len(applied) && applied[n] {
		n++
	}
	for i := n; i < len(applied); i++ {
		if applied[i] {
			return 0, refuse("apply the missing one with the tool (goose: -allow-missing, Flyway: -outOfOrder), or mend the history if its effect is there",
				"%s is applied, but %s, which comes before it in release %s, is not", rel.Files[i].Name, rel.Files[n].Name, rel.Name)
		}
	}
	return n, nil
}

func matchCount(h History, rel *release.Release) (int, error) {
	if h.Count > len(rel.Files) {
		return 0, beyond(rel, fmt.Sprintf("has %d migrations, the release %d", h.Count, len(rel.Files)))
	}
	return h.Count, nil
}

func beyond(rel *release.Release, what string) error {
	return refuse("publish the folder that has them first: tenantry release publish DIR --name …",
		"the history goes beyond release %s: it %s", rel.Name, what)
}

// appliedFiles says of each file whether the history has it.
func appliedFiles(h History, rel *release.Release) ([]bool, error) {
	position := make(map[string]int, len(rel.Files))
	for i, f := range rel.Files {
		position[f.Version] = i
	}
	applied := make([]bool, len(rel.Files))
	if h.UpTo != "" {
		at, known := position[h.UpTo]
		if !known {
			at = baselineAt(h, rel)
		}
		if at < 0 {
			return nil, beyond(rel, "is at version "+h.UpTo+", which the release does not have")
		}
		for i := range at + 1 {
			applied[i] = true
		}
	}
	var unknown []string
	for _, version := range h.Applied {
		at, known := position[version]
		if !known {
			unknown = append(unknown, version)
			continue
		}
		applied[at] = true
	}
	if len(unknown) > 0 {
		return nil, beyond(rel, "has "+few(unknown)+", which the release does not")
	}
	return applied, nil
}

// baselineAt finds the last file that a baseline covers whose version is no file's: Flyway's may be any number. -1 when there is none.
func baselineAt(h History, rel *release.Release) int {
	if h.Table.Tool != Flyway {
		return -1
	}
	at := -1
	for i, f := range rel.Files {
		if release.CompareFlywayVersions(f.Version, h.UpTo) <= 0 {
			at = i
		}
	}
	return at
}

func few(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// Standing is where a database stands among releases.
type Standing struct {
	// Release is the newest of which all files are applied.
	Release release.Published
	// Files is how many files are applied; more than the release has when the history ends between two releases.
	Files int
}

// Stand chooses, among published releases with the newest first, the one that a database with so many applied files is at. It is pure.
func Stand(releases []release.Published, files int, table Table) (Standing, error) {
	for _, p := range releases {
		if p.FileCount <= files {
			return Standing{Release: p, Files: files}, nil
		}
	}
	oldest := releases[len(releases)-1]
	return Standing{}, refuse(fmt.Sprintf("bring it there with %s first: a tenant is at a release or after it", table.Tool),
		"%d files are applied, fewer than the %d of the oldest release, %s", files, oldest.FileCount, oldest.Name)
}
