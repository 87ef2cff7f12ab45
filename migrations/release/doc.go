// Package release turns a folder of migration files into a release: an ordered list of files, each split into its
// statements, each statement hashed. A release is published once into the control database and never changes, so that
// every worker applies the same bytes and none reads a folder.
//
//	folder ── Read ──► Release ── Publish ──► tenantry.releases, release_files, release_statements ── Load ──► Release
//
// # Reading
//
// [Read] finds out which format a folder is in, by what only that format's tool writes: [Goose], [GolangMigrate],
// [Prisma], [Drizzle], [Flyway]; numbered SQL in which nothing speaks for a tool is [Plain]. A folder that two of them
// claim is refused until [Options.Format] says which; so is SQL that the tool would pass over, and a folder of a tool that
// is not read, by the tool's name. Order and versions are the tool's own. The text of a file is taken as UTF-8; a byte order mark at its
// start is dropped and CRLF line ends become LF, so that a checkout on Windows publishes the same bytes.
//
// Statements are split by PostgreSQL's own grammar, compiled to WebAssembly. The first parse of a process costs
// seconds and later ones well under a millisecond, so only publishing parses; everything that applying needs to know
// of a statement is stored beside it ([Statement.Kind], [Statement.Alone]).
//
// A file whose statements may all run in one transaction runs in one, unless it says otherwise as its tool has it. BEGIN
// and COMMIT in a file of golang-migrate, Prisma, Drizzle or Flyway are understood where running the file in one
// transaction comes to the same, and refused elsewhere.
//
// Read refuses what cannot be applied to many databases safely and resumed: transaction control, statements about
// whole databases, roles or the server, COPY, changes of role, anything that mentions the schema _tenantry. It
// collects every problem of every file ([Errors]) and names file, line, reason and way out for each ([Error]).
//
// A comment "-- tenantry:NAME ARGUMENT" on a line of its own says something about the statement after it ([Directive]).
//
// # Hashes
//
// A statement's hash is the SHA-256 of its exact bytes: from its first token to its last, without the comments before
// it and without the semicolon after it, line ends unified as said above. A file's checksum covers its version, name,
// mode and its statements' hashes; a release's checksum covers its files'. Comments between statements and goose's Down
// sections are therefore free to change, and what was published can be verified from what is stored.
//
// # Publishing
//
// [Publish] is idempotent by name and content. A release must extend the newest published one: all of its files,
// unchanged, in the same order, then new ones ([ErrNotExtended]).
package release
