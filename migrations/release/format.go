package release

import (
	"fmt"
	"slices"
	"strings"
)

// Format names a way to lay out migrations in a folder.
type Format string

const (
	// Goose is pressly/goose's SQL format: "-- +goose Up" and its kin.
	Goose Format = "goose"
	// GolangMigrate is golang-migrate's: 0001_name.up.sql, and 0001_name.down.sql, which is not read.
	GolangMigrate Format = "golang-migrate"
	// Prisma is Prisma Migrate's: a sub-folder for each migration, 20240101120000_name/migration.sql.
	Prisma Format = "prisma"
	// Drizzle is drizzle-kit's: 0000_name.sql in the order of meta/_journal.json, or since its version 1
	// 20240101120000_name/migration.sql beside a snapshot.json.
	Drizzle Format = "drizzle"
	// Flyway is Flyway's: V1.2__name.sql, also in sub-folders.
	Flyway Format = "flyway"
	// Plain is numbered SQL without annotations: 0001_name.sql, 20240101120000_name.sql.
	Plain Format = "plain"
)

// Formats lists what Read understands.
func Formats() []Format {
	var known []Format
	for _, l := range layouts() {
		known = append(known, l.format)
	}
	return known
}

// layout reads one format.
type layout struct {
	format Format
	// evidence names the files by which a folder of this format is known, none when it is not; nil for the format that
	// is left when no other is known.
	evidence func(folder) []string
	// wants reports whether a file is read, by its path, besides the folder's own SQL files; depth is how many
	// sub-folders down. Nil wants none.
	wants func(name string) bool
	depth int
	// drafts gives the files in the order in which they are applied.
	drafts func(folder, *problems) []draft
}

func layouts() []layout {
	return []layout{
		{format: Goose, evidence: gooseEvidence, drafts: gooseDrafts},
		{format: GolangMigrate, evidence: golangMigrateEvidence, drafts: golangMigrateDrafts},
		{format: Prisma, evidence: prismaEvidence, wants: prismaWants, depth: 1, drafts: prismaDrafts},
		{format: Drizzle, evidence: drizzleEvidence, wants: drizzleWants, depth: 1, drafts: drizzleDrafts},
		{format: Flyway, evidence: flywayEvidence, wants: flywayWants, depth: maxFlywayDepth, drafts: flywayDrafts},
		{format: Plain, drafts: plainDrafts},
	}
}

// formatsRead says in messages what Read understands.
const formatsRead = "goose, golang-migrate, Prisma, Drizzle, Flyway and plain numbered SQL files (0001_name.sql) are read"

// choose says in messages how to name the format.
func choose(formats ...Format) string {
	options := make([]string, len(formats))
	for i, format := range formats {
		options[i] = "--format " + string(format)
	}
	return strings.Join(options, " or ")
}

// detect picks the layout and the files that it may look at, or reports why there is none.
func detect(f folder, asked Format, found *problems) (layout, folder, bool) {
	if asked != "" && !slices.Contains(Formats(), asked) {
		known := strings.Trim(strings.ReplaceAll(fmt.Sprint(Formats()), " ", ", "), "[]")
		found.add(f.dir, 0, fmt.Sprintf("was to be read as %q, which is no format", asked), "there are "+known)
		return layout{}, f, false
	}
	claims := claimsOf(f)
	if len(claims) == 0 && refuseForeign(f, found) {
		return layout{}, f, false
	}
	if asked == "" {
		picked, ok := pick(f, claims, found)
		return picked, f, ok
	}
	all := layouts()
	picked := all[slices.IndexFunc(all, func(l layout) bool { return l.format == asked })]
	return picked, f.without(claims.besides(asked)), true
}

// pick finds the one format that the folder is in.
func pick(f folder, claims claims, found *problems) (layout, bool) {
	switch {
	case len(claims) == 1:
		return claims[0].layout, true
	case len(claims) > 1:
		refuseAmbiguous(claims, found)
		return layout{}, false
	case len(f.sources) == 0:
		found.add(f.dir, 0, "holds no SQL file", formatsRead)
		return layout{}, false
	}
	all := layouts()
	return all[len(all)-1], true
}
