package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/export"
)

func (a *app) importCommand() *cobra.Command {
	var w waiting
	var i jobs.Import
	var labels, nodeLabels []string
	c := &cobra.Command{
		Use: "import FILE", Short: "Make a new tenant of an export that was made here", Args: cobra.ExactArgs(1),
		Long: `Uploads an export into the store of backups; a worker checks every file of it against the manifest, and that against the signature of this
installation, makes a database of it, compares the rows, and only then makes the tenant active. What others have made, or changed, is refused.
An export in parquet is for other programs, and is refused too. Needs TENANTRY_BACKUP_URL as the workers have it.`,
		Example: "  tenantry import acme.zip --to-new acme-2 --wait",
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if i.Labels, err = parseLabels("label", labels); err != nil {
				return err
			}
			if i.NodeLabels, err = parseLabels("node-label", nodeLabels); err != nil {
				return err
			}
			if i.To == "" {
				return usageError("--to-new is missing: give the new tenant's slug")
			}
			return a.importFile(c.Context(), args[0], i, w)
		},
	}
	f := c.Flags()
	f.StringVar(&i.To, "to-new", "", "`slug` of the new tenant")
	f.StringVar(&i.Name, "name", "", "display `name`; the slug if not given")
	f.StringVar(&i.Region, "region", "", "only nodes of this region")
	f.StringVar(&i.Node, "node", "", "only the node of this name")
	f.StringArrayVar(&nodeLabels, "node-label", nil, "only nodes with this label `k=v`")
	f.StringArrayVar(&labels, "label", nil, "a label `k=v` of the new tenant")
	w.flags(c)
	return c
}

// importFile uploads a file and asks for its import. What is refused at once leaves nothing in the store.
func (a *app) importFile(ctx context.Context, path string, i jobs.Import, w waiting) error {
	f, err := os.Open(path) //nolint:gosec // G304: the file that was asked for
	if err != nil {
		return fmt.Errorf("read export: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read export: %w", err)
	}
	m, err := export.Peek(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := m.Importable(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	i.Release = m.Release
	client, err := a.jobs(ctx)
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if i.File, err = a.uploadID(ctx, w.key, f); err != nil {
		return err
	}
	if err := uploadFile(ctx, store, i.File, f, info.Size()); err != nil {
		return err
	}
	id, err := client.Submit(ctx, i, &jobs.Options{IdempotencyKey: w.key, RequestedBy: a.requester()})
	if err != nil {
		if w.key == "" { // with a key it may be the upload of an import that is there
			_ = store.Delete(ctx, export.UploadKey(i.File))
		}
		return err
	}
	return a.settleUp(ctx, client, []string{id}, 0, w)
}

// uploadID names an upload: where there is an idempotency key after that and the file, so that asking again is the same request.
func (a *app) uploadID(ctx context.Context, key string, f io.ReadSeeker) (string, error) {
	if key != "" {
		sum := sha256.New()
		_, _ = io.WriteString(sum, key+"\n") // never fails
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return "", fmt.Errorf("read export: %w", err)
		}
		if _, err := io.Copy(sum, f); err != nil {
			return "", fmt.Errorf("read export: %w", err)
		}
		return "imp_" + hex.EncodeToString(sum.Sum(nil)[:12]), nil
	}
	pool, err := a.control(ctx)
	if err != nil {
		return "", err
	}
	return export.NewUpload(ctx, pool)
}

func uploadFile(ctx context.Context, store *backup.Store, id string, f io.ReadSeeker, bytes int64) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read export: %w", err)
	}
	_, err := store.WriteLarge(ctx, export.UploadKey(id), bytes, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return nil
}
