package fingerprint

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

// catalogFiles holds the queries, in three folders. Each gives rows of the same columns: see [row].
//
//   - first: the relations, schemas and extensions, and what tells which of the rare queries would find anything
//   - always: what nearly every database has; {relations} and {schemas} stand for the oids that came first
//   - rare: what few have, see [rare]
//
//go:embed catalog
var catalogFiles embed.FS

// beginSQL begins a transaction in which everything is read in one snapshot.
const beginSQL = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;"

// settingsSQL makes PostgreSQL write definitions in one way until the transaction ends, whatever the role and the database have set: names qualified
// because nothing is on the search path, literals as pg_dump has them, times in UTC.
const settingsSQL = `
SELECT set_config(name, value, true)
FROM (VALUES ('search_path', ''), ('lock_timeout', '2s'), ('jit', 'off'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on'),
             ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'), ('extra_float_digits', '1'),
             ('bytea_output', 'hex'), ('xmlbinary', 'base64')) AS settings (name, value);
`

// queries are the catalog's files by name, such as rare/rules.
var queries = sync.OnceValues(func() (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(catalogFiles, "catalog", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		query, err := catalogFiles.ReadFile(name)
		files[strings.TrimSuffix(strings.TrimPrefix(name, "catalog/"), ".sql")] = string(query)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("read queries: %w", err)
	}
	return files, nil
})

// firstSQL begins the reading.
func firstSQL(files map[string]string) string {
	var sql strings.Builder
	sql.WriteString(settingsSQL)
	writeFolder(&sql, files, "first")
	return sql.String()
}

// rare says which queries find something only if there is a dependency such as "pg_trigger pg_class a" (of a trigger on its table), or one that
// begins so. Most databases have nothing for most of them, and planning a query costs more than running it.
var rare = []struct{ query, dependency string }{
	{"routines", "pg_proc "},
	{"triggers", "pg_trigger pg_class a"}, // those of foreign keys depend on the constraint
	{"rules", "pg_rewrite pg_class a"},    // a view's own depends on it internally
	{"policies", "pg_policy "},
	{"types", "pg_type pg_namespace n"}, // row types and arrays depend on their tables and elements
	{"domain_constraints", "pg_constraint pg_type a"},
	{"statistics", "pg_statistic_ext "},
	{"event_triggers", "pg_event_trigger "},
	{"operators", "pg_op"}, // operators, their classes and families
	{"operators", "pg_am"}, // and what those consist of
	{"collations", "pg_collation "},
	{"collations", "pg_conversion "},
	{"text_search", "pg_ts_"},
	{"casts", "pg_cast"},
	{"publications", "pg_publication"},
	{"foreign_data", "pg_foreign_data_wrapper"},
	{"default_privileges", "pg_default_acl"},
	{"security_labels", "pg_seclabel"},
	{"languages", "pg_am"},
	{"languages", "pg_language"},
	{"languages", "pg_transform"},
}

// restSQL is what is asked when the answers to [firstSQL] are known.
func restSQL(files map[string]string, first []row) string {
	var relations, schemas, dependencies []string
	extended := "false"
	for _, r := range first {
		switch {
		case r.kind == kindDependency:
			dependencies = append(dependencies, r.name)
		case r.kind == "schema":
			schemas = append(schemas, r.self.oid)
		case r.kind == "extension":
			extended = "true"
		case r.self.class == "pg_class" && r.kind != kindMember:
			relations = append(relations, r.self.oid)
		}
	}
	var sql strings.Builder
	writeFolder(&sql, files, "always")
	asked := map[string]bool{}
	for _, r := range rare {
		found := slices.ContainsFunc(dependencies, func(d string) bool { return strings.HasPrefix(d, r.dependency) })
		if found && !asked[r.query] {
			asked[r.query] = true
			fmt.Fprintf(&sql, "%s;\n", files["rare/"+r.query])
		}
	}
	return strings.NewReplacer("{relations}", oids(relations), "{schemas}", oids(schemas), "{extended}", extended).Replace(sql.String())
}

func writeFolder(sql *strings.Builder, files map[string]string, folder string) {
	for name, query := range files {
		if path.Dir(name) == folder {
			fmt.Fprintf(sql, "%s;\n", query)
		}
	}
}

// oids writes numbers that came from the server as an array.
func oids(list []string) string { return "'{" + strings.Join(list, ",") + "}'::oid[]" }
