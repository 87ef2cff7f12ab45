package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants/backup"
)

func (a *app) backupHold() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "hold BACKUP", Short: "Keep a backup whatever retention says, until it is released", Args: cobra.ExactArgs(1),
		Example: "  tenantry backup hold bak_018f… --reason 'case 4711'",
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return usageError("--reason is missing: who finds it in a year wants to know why")
			}
			catalog, _, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			if err := catalog.Hold(c.Context(), args[0], a.requester(), reason); err != nil {
				return err
			}
			return a.showHeld(c.Context(), catalog, args[0])
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for people")
	return c
}

func (a *app) backupRelease() *cobra.Command {
	return &cobra.Command{
		Use: "release BACKUP", Short: "Let retention decide on a held backup again", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			catalog, _, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			if err := catalog.Release(c.Context(), args[0]); err != nil {
				return err
			}
			return a.showHeld(c.Context(), catalog, args[0])
		},
	}
}

func (a *app) showHeld(ctx context.Context, catalog *backup.Catalog, id string) error {
	b, err := catalog.Get(ctx, id)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(b)
	}
	if b.HeldBy == nil {
		a.printf("%s of %s is not held\n", b.ID, b.Tenant)
		return nil
	}
	a.printf("%s of %s is held by %s: %s\n", b.ID, b.Tenant, *b.HeldBy, deref(b.HeldFor))
	return nil
}
