package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/migrations/lint"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
)

// lintFlags is how release lint was asked.
type lintFlags struct {
	since, format            string
	all, offline, locks, ids bool
}

func (a *app) releaseLint() *cobra.Command {
	var flags lintFlags
	c := &cobra.Command{
		Use: "lint DIR|NAME", Short: "Tell every statement's locks, rewrites and scans, and what to write instead",
		Long: `Reads a folder of migrations as publishing does, or a published release, and tells of each new statement which relations it locks
and how, whether it rewrites a table or reads it whole meanwhile, and what to write instead of what blocks, breaks or loses
something. With a control database it says how long that takes on the fleet's largest table of the name, as far as sizes
were seen, from rates that one machine had: an order of magnitude. A small table makes no finding go away: the next tenant may be large.

Linted is what the newest published release does not have (of a published release: what the one before it does not have); older
files only tell what the schema is. --since RELEASE or --since FILE begins elsewhere, --all lints every file as if the tables of
the files before were full. Without a control database, or with --offline, all files are linted so unless --since says more.
Before the first release databases are empty: nothing can be blocked in them, and tables are taken for empty.

A finding is allowed by a comment before its statement, with a reason:

  -- tenantry:allow drop_column: no code reads it since 2026.10
  ALTER TABLE customers DROP COLUMN fax;

Severities: error blocks traffic on a large table, loses data or breaks code that is running; warning may; notice is better written
otherwise. Exit code 1 when there are errors that are not allowed. Publishing a release with errors needs --accept-risk.`,
		Example: `  tenantry release lint ./migrations
  tenantry release lint ./migrations --since 00042_orders.sql --offline    # in CI
  tenantry release lint 2026.12 --locks                                    # every statement's locks
  tenantry release lint ./migrations -o json
  tenantry release lint --rules`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && !flags.ids {
				return usageError("name one folder of migrations or one release, or ask for --rules")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if flags.ids {
				return a.showRules()
			}
			view, err := a.lint(c.Context(), args[0], flags)
			if err != nil {
				return err
			}
			return a.showLint(view, flags.locks)
		},
	}
	c.Flags().StringVar(&flags.since, "since", "", "lint what comes after this published `release`, or after this file")
	c.Flags().StringVar(&flags.format, "format", "", "read the folder as this `format`, one of "+formatNames()+"; found out without")
	c.Flags().BoolVar(&flags.all, "all", false, "lint all files")
	c.Flags().BoolVar(&flags.offline, "offline", false, "use no control database, also where one is set")
	c.Flags().BoolVar(&flags.locks, "locks", false, "a table of every statement's locks and work")
	c.Flags().BoolVar(&flags.ids, "rules", false, "list the rules")
	c.MarkFlagsMutuallyExclusive("since", "all")
	return c
}

// lintView is what release lint answers.
type lintView struct {
	// Linted is the folder or the release; Since what it was compared with, "" for nothing.
	Linted string `json:"linted"`
	Since  string `json:"since,omitempty"`
	*lint.Report

	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notices  int `json:"notices"`
	Allowed  int `json:"allowed"`
	// note says what was assumed.
	note string
}

func viewLint(linted, since, note string, report *lint.Report) lintView {
	return lintView{
		Linted: linted, Since: since, Report: report, note: note,
		Errors: report.Count(lint.Error), Warnings: report.Count(lint.Warning), Notices: report.Count(lint.Notice), Allowed: report.Allowed(),
	}
}

// lintSource is what there is to lint, and what is known beside it.
type lintSource struct {
	rel    *release.Release
	folder bool
	// control is the control database, nil without one.
	control release.Querier
	sizes   []tenants.LargestTable
}

// lint finds out what to lint against what, and does.
func (a *app) lint(ctx context.Context, what string, flags lintFlags) (lintView, error) {
	source, err := a.lintSource(ctx, what, flags)
	if err != nil {
		return lintView{}, err
	}
	if flags.all {
		report, err := lint.Every(source.rel, source.sizes)
		if err != nil {
			return lintView{}, err
		}
		return viewLint(what, "", "every file as if the tables of those before were full", report), nil
	}
	if flags.since != "" {
		return lintSince(ctx, what, flags.since, source)
	}
	return lintNew(ctx, what, source)
}

// lintSource reads the folder or the release.
func (a *app) lintSource(ctx context.Context, what string, flags lintFlags) (lintSource, error) {
	var s lintSource
	info, err := os.Stat(what)
	s.folder = err == nil && info.IsDir()
	if !flags.offline && (a.env.ControlURL != "" || !s.folder) {
		pool, err := a.control(ctx)
		if err != nil {
			return s, err
		}
		reg, err := a.registry(ctx)
		if err != nil {
			return s, err
		}
		s.control = pool
		if s.sizes, err = reg.LargestTables(ctx); err != nil {
			return s, err
		}
	}
	switch {
	case s.folder:
		s.rel, err = readFolder(what, flags.format)
	case s.control == nil:
		return s, usageError("%s is no folder, and a published release needs the control database: leave --offline out", what)
	default:
		s.rel, err = release.Load(ctx, s.control, what)
		if errors.Is(err, release.ErrNotFound) {
			return s, usageError("%s is neither a folder nor a published release; see tenantry release list", what)
		}
	}
	return s, err
}

// readFolder reads a folder of migrations, as publishing and linting do.
func readFolder(dir, format string) (*release.Release, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, usageError("%s is no folder", dir)
	}
	if format != "" && !slices.Contains(release.Formats(), release.Format(format)) {
		return nil, usageError("--format %s is none of %s", format, formatNames())
	}
	rel, err := release.Read(os.DirFS(dir), release.Options{Format: release.Format(format)})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	return rel, nil
}

// lintSince lints what comes after a release or after a file.
func lintSince(ctx context.Context, what, since string, source lintSource) (lintView, error) {
	if source.control != nil {
		old, err := release.Load(ctx, source.control, since)
		if err == nil {
			report, err := lint.Release(old, source.rel, source.sizes)
			if err != nil {
				return lintView{}, err
			}
			return viewLint(what, since, "", report), nil
		}
		if !errors.Is(err, release.ErrNotFound) {
			return lintView{}, err
		}
	}
	at := slices.IndexFunc(source.rel.Files, func(f release.File) bool { return f.Name == since || f.Version == since })
	if at < 0 {
		return lintView{}, usageError("--since %s is neither a published release nor a file or version of %s", since, what)
	}
	report, err := lint.After(source.rel, at+1, source.sizes)
	if err != nil {
		return lintView{}, err
	}
	return viewLint(what, since, "", report), nil
}

// lintNew lints what the newest release, or the one before this one, does not have.
func lintNew(ctx context.Context, what string, source lintSource) (lintView, error) {
	if source.control == nil {
		report, err := lint.Every(source.rel, source.sizes)
		if err != nil {
			return lintView{}, err
		}
		return viewLint(what, "", "no control database says what is applied: every file as if the tables of those before were full; see --since", report), nil
	}
	var old *release.Release
	var err error
	if source.folder {
		old, err = release.LoadNewest(ctx, source.control)
	} else {
		old, err = release.LoadBefore(ctx, source.control, source.rel.ID)
	}
	if err != nil {
		return lintView{}, err
	}
	report, err := lint.Release(old, source.rel, source.sizes)
	if err != nil {
		return lintView{}, err
	}
	if old == nil {
		return viewLint(what, "", firstNote, report), nil
	}
	return viewLint(what, old.Name, "", report), nil
}

const firstNote = "nothing was published before: tenants' databases are empty, and nothing can be blocked in them"

func (a *app) showRules() error {
	rules := lint.Rules()
	if a.json() {
		return a.printJSON(rules)
	}
	rows := make([][]string, len(rules))
	for i, rule := range rules {
		rows[i] = []string{rule.ID, string(rule.Severity), rule.About}
	}
	slices.SortStableFunc(rows, func(x, y []string) int { return cmp.Compare(x[0], y[0]) })
	table(a.out, []string{"RULE", "SEVERITY", "BROKEN BY"}, rows)
	return nil
}
