package release

// plainDrafts takes each file whole. A file of nothing but statements that cannot run in a transaction runs statement by
// statement, any other in one transaction.
func plainDrafts(f folder, found *problems) []draft {
	refuseGoMigrations(f, found)
	files := numbered(f, found)
	drafts := make([]draft, 0, len(files))
	for _, file := range files {
		drafts = append(drafts, draft{
			version: file.version(),
			name:    file.name,
			body:    file.text,
			line:    1,
			mode:    byContent,
			outside: "move it to a file of its own that holds only such statements",
		})
	}
	return drafts
}
