package release

// Release is the full ordered list of a product's migrations. One that was read from a folder has no ID and no Name
// yet; one that was loaded has both. A loaded release is immutable: share it between goroutines, cache it by ID.
type Release struct {
	// ID is rel_ and 24 hex digits, "" until published.
	ID string
	// Name is what people call it, such as "2026.02.1", "" until published.
	Name string
	// Format is how the folder was written.
	Format Format
	// Checksum is the hex SHA-256 over the files' checksums.
	Checksum string
	// Files in the order in which they are applied.
	Files []File
}

// StatementCount returns the number of statements of all files.
func (r *Release) StatementCount() int {
	count := 0
	for _, file := range r.Files {
		count += len(file.Statements)
	}
	return count
}

// File is one migration file.
type File struct {
	// Version identifies the file in a database's history. It is the tool's own: a number without leading zeros, such as
	// "3" or "20260102150405", Flyway's "1.2.3", the name of Prisma's sub-folder, the tag of Drizzle's journal.
	Version string
	// Name is the file's path in the folder, such as "00003_forms.sql" or "20260102150405_forms/migration.sql".
	Name string
	// Transactional files are applied in one transaction, others statement by statement.
	Transactional bool
	// Checksum is the hex SHA-256 over version, name, mode and the statements' hashes.
	Checksum string
	// Statements may be empty: goose allows a migration that does nothing.
	Statements []Statement
}

// Statement is one SQL statement of a file.
type Statement struct {
	// No counts from 1 within the file.
	No int
	// Line of the file on which the statement begins, from 1.
	Line int
	// SQL is the statement's exact text, without the comments before it and without its semicolon.
	SQL string
	// Hash is the hex SHA-256 of SQL's bytes.
	Hash string
	// Kind names the node of PostgreSQL's parse tree with what matters for locking, such as "CreateStmt",
	// "IndexStmt CONCURRENTLY" or "VacuumStmt FULL".
	Kind string
	// Directives are the comments before the statement that speak of it, nil when there are none. The hash does not cover
	// them.
	Directives []Directive
	// Alone is nil for a statement that may share a transaction with the record that it was applied. Others must
	// run outside of any transaction, and Alone says how to go on after a crash between the two.
	Alone *Alone
}
