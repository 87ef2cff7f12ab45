package release

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	prismaLock = "migration_lock.toml"
	// migrationFile is the file of each migration's sub-folder, of Prisma and of Drizzle since version 1.
	migrationFile = "migration.sql"
)

func prismaWants(name string) bool {
	return name == prismaLock || path.Base(name) == migrationFile
}

func prismaEvidence(f folder) []string {
	var files []string
	if slices.Contains(f.names, prismaLock) {
		files = append(files, prismaLock)
	}
	for _, dir := range f.dirs {
		if name := path.Join(dir, migrationFile); f.has(name) && (len(files) > 0 || !f.has(path.Join(dir, drizzleSnapshot))) {
			files = append(files, name)
		}
	}
	return files
}

// prismaDrafts takes each sub-folder's migration.sql, in the order of the sub-folders' names.
func prismaDrafts(f folder, found *problems) []draft {
	refusePrismaProvider(f, found)
	for _, src := range f.sources {
		refuseStray(src.name, Prisma, "20240101120000_name/migration.sql", found)
	}
	for _, dir := range f.dirs {
		if _, there := f.text(path.Join(dir, migrationFile)); !there && !isPrivate(dir) {
			found.add(dir, 0, "is a folder without a migration.sql, which Prisma refuses too", "restore the file, or move the folder out")
		}
	}
	return folderDrafts(f)
}

// folderDrafts makes a draft of each sub-folder, whose name is the version. Prisma sends a file as one string, which the
// server runs in one transaction, and one of statements that cannot run so statement by statement.
func folderDrafts(f folder) []draft {
	drafts := make([]draft, 0, len(f.more))
	for _, src := range f.more {
		if path.Base(src.name) != migrationFile || path.Dir(src.name) == "." {
			continue
		}
		drafts = append(drafts, draft{
			version:   path.Dir(src.name),
			name:      src.name,
			body:      src.text,
			line:      1,
			mode:      byNeed,
			control:   pairsMerge,
			toolTable: "_prisma_migrations",
			outside:   "move it to a migration of its own",
		})
	}
	slices.SortFunc(drafts, func(a, b draft) int { return strings.Compare(a.version, b.version) })
	return drafts
}

var prismaProvider = regexp.MustCompile(`(?m)^[ \t]*provider[ \t]*=[ \t]*"([^"]*)"`)

// refusePrismaProvider reads which server the migrations were written for.
func refusePrismaProvider(f folder, found *problems) {
	text, there := f.text(prismaLock)
	if !there {
		return
	}
	match := prismaProvider.FindStringSubmatchIndex(text)
	if match == nil {
		found.add(prismaLock, 0, "names no provider", `it should say provider = "postgresql"`)
		return
	}
	if provider := text[match[2]:match[3]]; provider != "postgresql" && provider != "postgres" {
		found.add(prismaLock, 1+countLines(text[:match[2]]), "says that the migrations are written for "+provider, `a release is for PostgreSQL: provider = "postgresql"`)
	}
}
