package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants/backup"
)

func (a *app) backupStatus() *cobra.Command {
	var late bool
	c := &cobra.Command{
		Use: "status [TENANT]", Short: "Show how old each tenant's newest verified backup is", Args: cobra.MaximumNArgs(1),
		Long: `Shows, those first that are worst off, how old the newest backup of each tenant is, and the newest that is verified. A tenant is late when that is
older than the setting backup_objective. Exit code 3 when one is late.`,
		RunE: func(c *cobra.Command, args []string) error {
			catalog, reg, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			only := ""
			if len(args) == 1 {
				t, err := reg.Tenant(c.Context(), args[0])
				if err != nil {
					return err
				}
				only = t.ID
			}
			list, err := catalog.Status(c.Context(), only)
			if err != nil {
				return err
			}
			return a.printBackupStatus(list, late)
		},
	}
	c.Flags().BoolVar(&late, "late", false, "only tenants that are late")
	return c
}

func (a *app) printBackupStatus(list []backup.Status, onlyLate bool) error {
	var lateOnes, never int
	var night float64
	shown := []backup.Status{}
	for _, s := range list {
		night += deref(s.Seconds)
		if s.Verified == nil {
			never++
		}
		if s.Late {
			lateOnes++
		}
		if s.Late || !onlyLate {
			shown = append(shown, s)
		}
	}
	if a.json() {
		if err := a.printJSON(shown); err != nil {
			return err
		}
	} else {
		rows := make([][]string, len(shown))
		for i, s := range shown {
			state := "ok"
			switch {
			case s.Failed:
				state = "failed"
			case s.Late:
				state = "late"
			}
			restores := ""
			if s.RestoreSeconds != nil {
				restores = (time.Duration(*s.RestoreSeconds*1000) * time.Millisecond).Round(time.Millisecond).String()
			}
			rows[i] = []string{s.Tenant, state, since(s.Verified), since(s.Newest), strconv.Itoa(s.Backups), size(s.Bytes), restores}
		}
		table(a.out, []string{"TENANT", "STATE", "VERIFIED", "NEWEST", "BACKUPS", "STORED", "RESTORES IN"}, rows)
		a.printf("%d tenants, %d without a verified backup, %d late; a night takes about %s of work\n", len(list), never, lateOnes,
			(time.Duration(night) * time.Second).String())
	}
	if lateOnes > 0 {
		return &codeError{exitPartial, errShown}
	}
	return nil
}

func unchangedSince(until *time.Time) string {
	if until == nil {
		return ""
	}
	return "the tenant had not changed until " + moment(until)
}

func since(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return ago(*t)
}
