package backup

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/archive"
	"github.com/avenit/tenantry/tenants/backup/pgtools"
)

// What exports and looks share with backups.

// SignDocument writes a document with the installation's signature. purpose keeps it from being taken for a document of another kind.
func (k SigningKey) SignDocument(purpose string, document any) ([]byte, error) {
	return k.sign(purpose, document)
}

// OpenDocument reads a document of [SigningKey.SignDocument] and refuses one that none of the keys has signed. name says in errors which it is.
func (t Trusted) OpenDocument(purpose, name string, raw []byte, into any) error {
	return t.open(purpose, name, raw, into)
}

// Dump runs pg_dump as the target's owner on a snapshot that a session of the caller's has exported, and gives what it writes to read, which must read
// it to the end.
func (t Target) Dump(ctx context.Context, tools pgtools.Tools, snapshot string, args []string, read func(io.Reader) error) error {
	all := append([]string{"--encoding=UTF8", leftOutSchemas, "--snapshot=" + snapshot, "--role=" + t.Owner}, args...)
	return t.program(ctx, tools.Dump(), all, clientOptions, nil, read)
}

// Grants gives the statements of an archive's rights, one text for each thing that rights are on. Who may connect is not among them: that is the control
// plane's to say.
func Grants(toc archive.TOC) []string {
	var list []string
	for _, e := range toc.Entries {
		if isGrant(e) {
			list = append(list, e.Definition)
		}
	}
	return list
}

// RenameGrants writes statements of [Grants] for the roles of another database, which begin with its name as those of the first do with its. What names other
// roles is left out, and returned.
func RenameGrants(statements, from, to string) (sql string, left []string) {
	return renaming{from: from, to: to}.grants(statements)
}

// WriteSameText makes a session work as the owner and write values as pg_dump's does, whatever the database and the role have set.
func WriteSameText(ctx context.Context, conn *pgx.Conn, owner string) error {
	if _, err := conn.PgConn().Exec(ctx, sameTextSQL+tenants.Ident(owner)).ReadAll(); err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	return nil
}

// Kinds of things of a [Contents]'s schema, in pg_dump's words.
const (
	KindTable            = "TABLE"
	KindView             = "VIEW"
	KindMaterializedView = "MATERIALIZED VIEW"
	KindForeignTable     = "FOREIGN TABLE"
	KindSequence         = "SEQUENCE"
)
