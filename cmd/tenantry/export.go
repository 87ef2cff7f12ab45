package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/export"
)

func (a *app) exportCommand() *cobra.Command {
	c := group("export", "Give customers what is theirs: a zip of open formats", a.exportCreate(), a.exportList(), a.exportFetch(), a.exportLink())
	c.Long = `Writes a tenant's database into the store of backups as a zip that its customer can read without Tenantry: a CSV, NDJSON or Parquet file for each table, the
schema as SQL, the labels of forms, a README, and a manifest with every file's checksum. It is deleted when its time is over. docs/exports.md tells the format.

An export is not encrypted: whoever has the file, or a link to it, has the tenant's data.`
	return c
}

func (a *app) exportCreate() *cobra.Command {
	var w waiting
	var e jobs.Export
	c := &cobra.Command{
		Use: "create TENANT...", Short: "Export tenants", Args: cobra.MinimumNArgs(1),
		Long: `Exports tenants, each as of one moment. It takes its turn in its tenant's mailbox; the tenant's application is not disturbed.
csv and ndjson can be imported again and hold every value exactly; csv can be loaded with psql alone as well. parquet is for data tools.`,
		Example: "  tenantry export create acme --wait\n  tenantry export create acme --format ndjson --keep '2 days' --wait",
		RunE: func(c *cobra.Command, names []string) error {
			return a.submitEach(c, names, func(t string) jobs.Args {
				asked := e
				asked.Tenant = t
				return asked
			}, w)
		},
	}
	c.Flags().StringVar(&e.Format, "format", "", "of the rows: csv, ndjson or parquet; csv if not given")
	c.Flags().StringVar(&e.Keep, "keep", "", "for how long it can be fetched, such as '2 days'; the setting export_keep if not given")
	c.Flags().StringVar(&e.Note, "note", "", "why, for people")
	w.flags(c)
	return c
}

func (a *app) exportList() *cobra.Command {
	var f export.Filter
	c := &cobra.Command{
		Use: "list [TENANT]", Short: "List exports that can be fetched, newest first", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				_, t, err := a.tenantOf(c.Context(), args[0])
				if err != nil {
					return err
				}
				f.Tenant = t.ID
			}
			list, err := export.List(c.Context(), pool, f)
			if err != nil {
				return err
			}
			if a.json() {
				if list == nil {
					list = []export.Row{}
				}
				return a.printJSON(list)
			}
			rows := make([][]string, len(list))
			for i, e := range list {
				rows[i] = []string{
					e.ID, e.Tenant, e.State, e.Format, moment(e.TakenAt), size(deref(e.Bytes)), strconv.Itoa(deref(e.Tables)), strconv.FormatInt(deref(e.Rows), 10),
					moment(e.ExpiresAt),
				}
			}
			table(a.out, []string{"EXPORT", "TENANT", "STATE", "FORMAT", "TAKEN", "SIZE", "TABLES", "ROWS", "UNTIL"}, rows)
			return nil
		},
	}
	c.Flags().BoolVar(&f.All, "all", false, "also those that are being made, failed, or are deleted")
	return c
}

// exportAt reads an export that can be fetched, and opens the store that it lies in.
func (a *app) exportAt(ctx context.Context, id string) (export.Row, *backup.Store, error) {
	pool, err := a.control(ctx)
	if err != nil {
		return export.Row{}, nil, err
	}
	e, err := export.Get(ctx, pool, id)
	if err != nil {
		return e, nil, err
	}
	switch {
	case e.State != "complete":
		return e, nil, fmt.Errorf("export %s of tenant %s is %s: see tenantry op show %s, or make another: tenantry export create %s", e.ID, e.Tenant, e.State, e.OperationID, e.Tenant)
	case e.Expired:
		return e, nil, fmt.Errorf("export %s was to be fetched until %s: make another, tenantry export create %s", e.ID, moment(e.ExpiresAt), e.Tenant)
	}
	store, err := a.store(ctx)
	if err != nil {
		return e, nil, err
	}
	if store.URL() != e.Store {
		_ = store.Close()
		return e, nil, fmt.Errorf("export %s lies in %s, and TENANTRY_BACKUP_URL here is %s: set it to the workers' store", e.ID, e.Store, store.URL())
	}
	return e, store, nil
}

// store opens the store of backups, where workers keep it.
func (a *app) store(ctx context.Context) (*backup.Store, error) {
	address := a.env.BackupURL
	if address == "" {
		address = backup.DefaultURL
	}
	return backup.OpenStore(ctx, address)
}

func (a *app) exportFetch() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "fetch EXPORT", Short: "Write an export to a file", Args: cobra.ExactArgs(1),
		Long: `Reads an export from the store and holds it against its SHA-256 while it is written. The file has its name only once it is complete and right. Needs
TENANTRY_BACKUP_URL as the workers have it; a folder only on the machine that has it.`,
		Example: "  tenantry export fetch exp_018f… --to acme.zip",
		RunE: func(c *cobra.Command, args []string) error {
			e, store, err := a.exportAt(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer func() { _ = store.Close() }()
			path := to
			if path == "" {
				path = e.Tenant + "-" + e.ID + ".zip"
			}
			if err := fetch(c.Context(), store, e, path); err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]any{"export": e.ID, "file": path, "bytes": e.Bytes, "sha256": e.SHA256})
			}
			a.printf("%s: %s of tenant %s, %s, SHA-256 %s\n", path, e.ID, e.Tenant, size(*e.Bytes), *e.SHA256)
			return nil
		},
	}
	c.Flags().StringVar(&to, "to", "", "the `file` to write; TENANT-EXPORT.zip in this folder if not given")
	return c
}

// fetch writes an export to a file beside the one that is wanted, and gives it its name when it is what it must be.
func fetch(ctx context.Context, store *backup.Store, e export.Row, path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists: give another name with --to", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tenantry-export-*")
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	object := backup.Object{Key: *e.Object, Bytes: *e.Bytes, SHA256: *e.SHA256}
	err = store.Read(ctx, object, func(r io.Reader) error {
		_, err := io.Copy(f, r)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("fetch export: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return nil
}

// longestLink is what S3 allows.
const longestLink = 7 * 24 * time.Hour

func (a *app) exportLink() *cobra.Command {
	var lasts time.Duration
	c := &cobra.Command{
		Use: "link EXPORT", Short: "Make a link to an export that works for a while", Args: cobra.ExactArgs(1),
		Long: `Prints a URL with which anybody can fetch the export until its time is over. Stores of S3, Google Cloud Storage and Azure make such links; a folder
does not.`,
		Example: "  tenantry export link exp_018f… --for 1h",
		RunE: func(c *cobra.Command, args []string) error {
			if lasts < time.Second || lasts > longestLink {
				return usageError("--for %s: a link works for 1s to %s", lasts, longestLink)
			}
			e, store, err := a.exportAt(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer func() { _ = store.Close() }()
			until := time.Now().Add(lasts)
			if until.After(*e.ExpiresAt) {
				return usageError("--for %s: export %s is deleted at %s, before the link ends; give less", lasts, e.ID, moment(e.ExpiresAt))
			}
			link, err := store.Link(c.Context(), *e.Object, lasts)
			if errors.Is(err, backup.ErrNoLinks) {
				return fmt.Errorf("%w; fetch the file instead: tenantry export fetch %s", err, e.ID)
			}
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]any{"export": e.ID, "url": link, "until": until.UTC(), "sha256": e.SHA256})
			}
			a.println(link)
			return nil
		},
	}
	c.Flags().DurationVar(&lasts, "for", time.Hour, "for how `long` it works")
	return c
}
