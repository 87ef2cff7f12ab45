package release

// Limits of what one release may hold. They keep a mistaken folder (a dump, a data set) out of the control database and
// every worker's memory; schema changes stay far below them.
const (
	// MaxFiles in a folder.
	MaxFiles = 5000
	// MaxFileBytes of one file.
	MaxFileBytes = 4 << 20
	// MaxStatementBytes of one statement.
	MaxStatementBytes = 1 << 20
	// MaxStatements of one file.
	MaxStatements = 5000
	// MaxReleaseBytes of all files together.
	MaxReleaseBytes = 64 << 20
	// MaxNameBytes of a file's name.
	MaxNameBytes = 200
)

// maxDepth is how deeply a statement's parse tree may be nested, some 170 operators in a row or 50 sub-queries in one
// another. The embedded grammar writes over its own memory when it describes trees that are more than twice as deep.
const maxDepth = 350
