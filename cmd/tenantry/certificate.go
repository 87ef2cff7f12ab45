package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants/backup"
)

func (a *app) certificateCommand() *cobra.Command {
	c := group("certificate", "Show and verify certificates of deletion", a.certificateList(), a.certificateShow(), a.certificateVerify(), a.certificateKey())
	c.Long = `When a tenant is purged, its database is dropped, the keys of its backups are destroyed, and its backups deleted; then it is looked whether anything is left.
A certificate says so, signed with the installation's key: what, where, when, by whom, and what was looked at. Hand it to the customer together with
the public key (tenantry certificate key), with which anybody can verify it.`
	return c
}

func (a *app) certificateList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List certificates, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			rows, err := pool.Query(c.Context(), `
				SELECT c.id, t.slug, c.tenant_id, c.operation_id, c.created_at FROM tenantry.certificates c JOIN tenantry.tenants t ON t.id = c.tenant_id ORDER BY c.created_at DESC`)
			if err != nil {
				return fmt.Errorf("list certificates: %w", err)
			}
			type entry struct {
				ID          string    `json:"id"`
				Slug        string    `json:"slug"`
				TenantID    string    `json:"tenant_id"`
				OperationID string    `json:"operation_id"`
				CreatedAt   time.Time `json:"created_at"`
			}
			list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
			if err != nil {
				return fmt.Errorf("list certificates: %w", err)
			}
			if a.json() {
				if list == nil {
					list = []entry{}
				}
				return a.printJSON(list)
			}
			cells := make([][]string, len(list))
			for i, e := range list {
				cells[i] = []string{e.ID, e.Slug, e.TenantID, moment(&e.CreatedAt)}
			}
			table(a.out, []string{"CERTIFICATE", "TENANT", "ID", "DELETED"}, cells)
			return nil
		},
	}
}

func (a *app) certificateShow() *cobra.Command {
	return &cobra.Command{
		Use: "show CERTIFICATE|TENANT-ID", Short: "Print a certificate as it was signed", Args: cobra.ExactArgs(1),
		Example: "  tenantry certificate show tnt_018f… > acme-deleted.json",
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			var document string
			err = pool.QueryRow(c.Context(), `SELECT document FROM tenantry.certificates WHERE id = $1 OR tenant_id = $1`, args[0]).Scan(&document)
			if errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("there is no certificate %q: see tenantry certificate list", args[0])
			}
			if err != nil {
				return fmt.Errorf("read certificate: %w", err)
			}
			a.printf("%s", document) // not a byte more: it is signed
			return nil
		},
	}
}

func (a *app) certificateVerify() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "verify FILE", Short: "Look whether a certificate is this installation's, and is as it was signed", Args: cobra.ExactArgs(1),
		Long: `Reads a certificate (- is the standard input) and looks whether one of the installation's keys has signed it, every byte of it. With --key, which
tenantry certificate key prints, no control database is needed.`,
		Example: "  tenantry certificate verify acme-deleted.json\n  tenantry certificate verify acme-deleted.json --key 'sig_018f…=MCowBQ…'",
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := readFile(args[0])
			if err != nil {
				return err
			}
			trusted, err := a.trusted(c.Context(), key)
			if err != nil {
				return err
			}
			certificate, err := trusted.OpenCertificate(args[0], raw)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(certificate)
			}
			a.printf("valid: tenant %s (%s) was deleted for good at %s, asked for by %s (operation %s)\n", printable(certificate.Slug), certificate.Tenant,
				certificate.At.Format(time.RFC3339), printable(certificate.RequestedBy), certificate.Operation)
			for _, d := range certificate.Databases {
				a.printf("  database %s on node %s dropped, with %d roles\n", d.Name, d.Node, len(d.Roles))
			}
			a.printf("  %d backups deleted, %d keys destroyed\n", len(certificate.Backups), len(certificate.Keys))
			for _, check := range certificate.Checks {
				a.printf("  looked at %s: %s\n", printable(check.Looked), printable(check.Found))
			}
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "the installation's public key, `ID=BASE64`")
	return c
}

func readFile(name string) ([]byte, error) {
	if name == "-" {
		raw, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return raw, nil
	}
	raw, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return raw, nil
}

// trusted are the installation's public keys, or the one that is given.
func (a *app) trusted(ctx context.Context, key string) (backup.Trusted, error) {
	if key != "" {
		trusted, err := backup.ParseTrusted(key)
		if err != nil {
			return nil, usageError("--key %w", err)
		}
		return trusted, nil
	}
	catalog, _, err := a.catalog(ctx)
	if err != nil {
		return nil, err
	}
	return catalog.Trusted(ctx)
}

func (a *app) certificateKey() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Print the installation's public keys", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			trusted, err := a.trusted(c.Context(), "")
			if err != nil {
				return err
			}
			if len(trusted) == 0 {
				return errors.New("the installation has no key yet: its first backup or purge makes one")
			}
			if a.json() {
				keys := map[string]ed25519.PublicKey(trusted)
				return a.printJSON(keys)
			}
			for id, key := range trusted {
				a.printf("%s=%s\n", id, base64.StdEncoding.EncodeToString(key))
			}
			return nil
		},
	}
}
