package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/workers"
)

// withdrawnView is what withdrawing a release has done.
type withdrawnView struct {
	Release    string             `json:"release"`
	Withdrawal release.Withdrawal `json:"withdrawn"`
	// Parts are the tenants that have the files that are kept.
	Parts []workers.Part `json:"parts"`
}

func (a *app) releaseWithdraw() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "withdraw NAME --reason TEXT", Short: "Take a release back that fits nobody", Args: cobra.ExactArgs(1),
		Long: `Takes back the newest release, at which no tenant stands: one that fails wherever it runs. The next release need not hold
its files then. It stays listed, with the reason, and nobody can be brought to it any more.

Tenants on which it was tried may have its first files, or a part of one. Their own databases are asked, so TENANTRY_SECRET_KEY
must be set and their nodes must answer. Those files stay in every later release, unchanged, so that no tenant differs from what
was published. If that is every file, nothing is taken back. Tenants that it put into quarantine come out of it.

A rollout to it must have ended first (tenantry rollout abort), and new tenants must get another (tenantry release current).`,
		Example: `  tenantry rollout abort
  tenantry release withdraw 2026.12 --reason '00009_vip.sql divides by zero everywhere'
  tenantry release publish ./migrations --name 2026.12.1`,
		RunE: func(c *cobra.Command, args []string) error {
			reason = strings.TrimSpace(reason)
			if reason == "" || len([]rune(reason)) > 500 {
				return usageError("--reason must say in 1 to 500 characters why nobody should get the release")
			}
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			if reg.Keys() == nil {
				return usageError("TENANTRY_SECRET_KEY is not set, which opens the tenants' passwords: what they have of the release cannot be seen without")
			}
			w, parts, err := workers.Withdraw(c.Context(), reg, args[0], a.requester(), reason)
			if errors.Is(err, release.ErrNotFound) {
				return usageError("there is no release %q; see tenantry release list", args[0])
			}
			if err != nil {
				return err
			}
			if a.json() {
				if parts == nil {
					parts = []workers.Part{}
				}
				return a.printJSON(withdrawnView{args[0], w, parts})
			}
			a.printf("release %s is withdrawn\n", args[0])
			for _, p := range parts {
				a.printf("tenant %s has files up to %s: later releases hold them, unchanged\n", p.Tenant, printable(p.File))
			}
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for those who come later")
	return c
}
