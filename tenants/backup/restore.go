package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/archive"
	"github.com/avenit/tenantry/tenants/backup/pgtools"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atRestoreBefore = crashpoint.New("restore.data.before")
	atRestoreData   = crashpoint.New("restore.data.after")
	atRestoreRights = crashpoint.New("restore.rights.after")
)

// Restore is a backup, and the empty database that it is brought into.
type Restore struct {
	Store    *Store
	Tools    pgtools.Installed
	Key      TenantKey
	Manifest Manifest
	Contents Contents // of [ReadContents]
	Server   int      // of the target, as server_version_num
	Target   Target
	// Progress is told how many bytes of how many are restored. It may be nil.
	Progress func(done, total int64)
}

// Restored is what [Restore.Run] has done.
type Restored struct {
	// Contents are the backup's, without the settings that are skipped.
	Contents Contents
	// Skipped is what is not restored: grants to roles that are not the tenant's, publications, and settings that only a superuser may set.
	Skipped []string
}

// Run brings the backup into the target, which must be empty. It works as the target's owner, who can do nothing elsewhere. Whatever it returns an error
// for is in no state to be used.
func (r Restore) Run(ctx context.Context, conn *pgx.Conn) (Restored, error) {
	out := Restored{Contents: r.Contents}
	tools, err := r.Tools.ForServer(r.Server/serverMajor, majorOf(r.Manifest.Client))
	if err != nil {
		return out, err
	}
	if err := r.schemaPublic(ctx, conn); err != nil {
		return out, err
	}
	atRestoreBefore.Hit(ctx)
	toc, err := r.data(ctx, tools)
	if err != nil {
		return out, fmt.Errorf("restore: %w", err)
	}
	atRestoreData.Hit(ctx)
	if out.Skipped, err = r.rights(ctx, conn, toc); err != nil {
		return out, fmt.Errorf("restore: %w", err)
	}
	given, left, err := r.settings(ctx, conn)
	if err != nil {
		return out, fmt.Errorf("restore: %w", err)
	}
	out.Contents.Settings, out.Skipped = given, append(out.Skipped, left...)
	for _, e := range toc.Entries {
		if leftOut[e.Kind] {
			out.Skipped = append(out.Skipped, strings.ToLower(e.Kind)+" "+e.Name)
		}
	}
	atRestoreRights.Hit(ctx)
	return out, nil
}

// ReadContents reads what a backup holds.
func ReadContents(ctx context.Context, store *Store, key TenantKey, m Manifest) (Contents, error) {
	var raw []byte
	err := store.Read(ctx, m.Contents, func(r io.Reader) error {
		return key.decrypt(r, func(r io.Reader) error {
			var err error
			raw, err = io.ReadAll(r)
			return err //nolint:wrapcheck // wrapped below
		})
	})
	if err != nil {
		return Contents{}, fmt.Errorf("read what the backup holds: %w", err)
	}
	var c Contents
	if err := json.Unmarshal(raw, &c); err != nil || c.Format != contentsFormat {
		return c, fmt.Errorf("%s has a format that is not known here: use a newer program", m.Contents.Key)
	}
	return c, nil
}

func majorOf(version string) int {
	digits := strings.TrimRightFunc(strings.SplitN(version, ".", 2)[0], func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.Atoi(strings.SplitN(digits, "beta", 2)[0]) // 0 is any
	return n
}

// schemaPublic gives schema public, which every new database has, to the owner where it was the owner's.
func (r Restore) schemaPublic(ctx context.Context, conn *pgx.Conn) error {
	owner := tenants.Ident(r.Target.Owner)
	for _, t := range r.Contents.Schema {
		if t.Kind != "SCHEMA" || t.Name != "public" || !strings.HasPrefix(t.Owner, "{database}") {
			continue
		}
		if _, err := conn.PgConn().Exec(ctx, "SET ROLE "+owner+"; ALTER SCHEMA public OWNER TO "+owner+"; RESET ROLE").ReadAll(); err != nil {
			return fmt.Errorf("restore: schema public: %w", err)
		}
	}
	return nil
}

// restoreArgs leave out what is the control plane's to say (owners, rights) and what reaches out of the database.
var restoreArgs = []string{
	"--format=custom", "--exit-on-error", "--no-owner", "--no-acl", "--no-publications", "--no-subscriptions", "--no-tablespaces", "--no-security-labels",
}

// restoreOptions: what is restored is dropped when the server dies meanwhile, so nothing of it need be on the disk at its commit.
const restoreOptions = clientOptions + " -c synchronous_commit=off -c maintenance_work_mem=128MB"

func (r Restore) data(ctx context.Context, tools pgtools.Tools) (archive.TOC, error) {
	var toc archive.TOC
	err := r.Store.Read(ctx, r.Manifest.Data, func(in io.Reader) error {
		return r.Key.decrypt(in, func(in io.Reader) error {
			// The table of contents is looked at before anything of it runs.
			var head bytes.Buffer
			a, err := archive.Open(io.TeeReader(in, &head))
			if err != nil {
				return err
			}
			toc = a.TOC
			if err := allowed(toc); err != nil {
				return err
			}
			whole := &counting{r: io.MultiReader(&head, in), total: r.Manifest.Dumped, progress: r.Progress}
			args := append(slices.Clone(restoreArgs), "--role="+r.Target.Owner)
			if err := r.Target.program(ctx, tools.Restore(), args, restoreOptions, whole, nil); err != nil {
				return err
			}
			// pg_restore stops reading after the last data it needs.
			_, err = io.Copy(io.Discard, in)
			return err //nolint:wrapcheck // ours
		})
	})
	return toc, err
}

// counting tells how much was read.
type counting struct {
	r              io.Reader
	n, told, total int64
	progress       func(done, total int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.progress != nil && c.n-c.told >= toldEvery {
		c.told = c.n
		c.progress(c.n, c.total)
	}
	return n, err //nolint:wrapcheck // ours
}

// ErrNotAllowed says that an archive holds what a tenant's database cannot have.
var ErrNotAllowed = errors.New("the archive holds what is not restored")

// allowedKinds are the kinds of things in a tenant's database. What reaches out of it (event triggers, subscriptions, servers and their users) or makes
// the server run other programs (languages, access methods) is not among them.
var allowedKinds = map[string]bool{
	"ENCODING": true, "STDSTRINGS": true, "SEARCHPATH": true, "SCHEMA": true, "EXTENSION": true, "COMMENT": true, "ACL": true, "DEFAULT ACL": true,
	"TYPE": true, "SHELL TYPE": true, "DOMAIN": true, "FUNCTION": true, "PROCEDURE": true, "AGGREGATE": true, "OPERATOR": true, "OPERATOR CLASS": true,
	"OPERATOR FAMILY": true, "CAST": true, "COLLATION": true, "CONVERSION": true,
	"TEXT SEARCH PARSER": true, "TEXT SEARCH DICTIONARY": true, "TEXT SEARCH TEMPLATE": true, "TEXT SEARCH CONFIGURATION": true,
	"TABLE": true, "TABLE ATTACH": true, "VIEW": true, "MATERIALIZED VIEW": true, "MATERIALIZED VIEW DATA": true, "TABLE DATA": true,
	"SEQUENCE": true, "SEQUENCE SET": true, "SEQUENCE OWNED BY": true, "DEFAULT": true, "CONSTRAINT": true, "CHECK CONSTRAINT": true, "FK CONSTRAINT": true,
	"INDEX": true, "INDEX ATTACH": true, "STATISTICS": true, "STATISTICS DATA": true, "TRIGGER": true, "RULE": true, "POLICY": true, "ROW SECURITY": true,
	"BLOB": true, "BLOBS": true, "BLOB METADATA": true, "BLOB COMMENTS": true,
	"DATABASE": true, "DATABASE PROPERTIES": true, // without an option, pg_restore makes none
}

// leftOut are the kinds that pg_restore is told to leave out: publications send what happens here to another server, which follows the database that was, not
// this one.
var leftOut = map[string]bool{
	"PUBLICATION": true, "PUBLICATION TABLE": true, "PUBLICATION TABLES IN SCHEMA": true, "SUBSCRIPTION": true, "SUBSCRIPTION TABLE": true, "SECURITY LABEL": true,
}

func allowed(toc archive.TOC) error {
	for _, e := range toc.Entries {
		if !allowedKinds[e.Kind] && !leftOut[e.Kind] {
			return fmt.Errorf("%w: %s %s", ErrNotAllowed, e.Kind, e.Name)
		}
	}
	return nil
}
