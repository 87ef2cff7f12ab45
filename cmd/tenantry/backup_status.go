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
older than the setting backup_objective. The last line is the forecast of the next night. Exit code 3 when one is late.`,
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
			spread, err := reg.Setting(c.Context(), "backup_spread")
			if err != nil {
				return err
			}
			return a.printBackupStatus(list, spread, late)
		},
	}
	c.Flags().BoolVar(&late, "late", false, "only tenants that are late")
	return c
}

func (a *app) printBackupStatus(list []backup.Status, spread string, onlyLate bool) error {
	var lateOnes, never, quiet int
	var night float64
	shown := []backup.Status{}
	for _, s := range list {
		if s.Quiet {
			quiet++
		} else {
			night += deref(s.Seconds)
		}
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
		a.printf("%d tenants, %d without a verified backup, %d late\nthe next night: about %s of dumping, spread over %s; %d tenants have not changed lately and are not dumped\n",
			len(list), never, lateOnes, time.Duration(night*float64(time.Second)).Round(time.Second/10), spread, quiet)
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
