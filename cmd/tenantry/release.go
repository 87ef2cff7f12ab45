package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/workers"
)

func (a *app) releaseCommand() *cobra.Command {
	return group("release", "Publish releases of the tenants' schema", a.releasePublish(), a.releaseLint(), a.releaseList(), a.releaseShow(), a.releaseCurrent(), a.releaseWithdraw())
}

type releaseView struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Format     string `json:"format"`
	Files      int    `json:"files"`
	Statements int    `json:"statements"`
	Checksum   string `json:"checksum"`
	Published  string `json:"published_at"`
	By         string `json:"published_by"`
	Current    bool   `json:"current"`
	Already    bool   `json:"already_published,omitempty"`
	// Risk is why errors of the linter were accepted, nil when there were none.
	Risk *release.Risk `json:"risk,omitempty"`
	// Withdrawn is nil unless it was taken back.
	Withdrawn *release.Withdrawal `json:"withdrawn,omitempty"`
}

func viewRelease(p release.Published, current string, risks map[string]release.Risk) releaseView {
	v := releaseView{
		ID: p.ID, Name: p.Name, Format: string(p.Format), Files: p.FileCount, Statements: p.StatementCount, Checksum: p.Checksum,
		Published: p.PublishedAt.Format("2006-01-02T15:04:05Z"), By: p.PublishedBy, Current: p.Name == current, Already: p.AlreadyPublished,
		Withdrawn: p.Withdrawn,
	}
	if risk, accepted := risks[p.ID]; accepted {
		v.Risk = &risk
	}
	return v
}

func (a *app) releasePublish() *cobra.Command {
	var name, format, acceptRisk string
	var now bool
	c := &cobra.Command{
		Use: "publish DIR --name V", Short: "Publish a folder of migrations as a release", Args: cobra.ExactArgs(1),
		Long: `Reads a folder of migrations, splits it into statements with PostgreSQL's grammar, and stores them in the control
database. A release never changes: the same name with other content is refused, and so is one that lacks or changes a file of
the release before. The first release is given to new tenants at once, a later one when its rollout has got past its first
wave (tenantry rollout start), or with --current.

DIR is the folder that your tool writes: goose's SQL files, golang-migrate's N_name.up.sql, Prisma's
<timestamp>_name/migration.sql, Drizzle's 0000_name.sql with meta/_journal.json, Flyway's V1__name.sql, or plain numbered
.sql. Which it is, is found out from the files and said. Where two tools' files lie in one folder, --format says which to
read; the others' are left out. What leads back (.down.sql, a Down section, U1__name.sql) is not read.

What the release adds to the newest published one is linted (tenantry release lint). With errors nothing is published, unless
--accept-risk gives a reason, which is kept with the release. The first release is for empty databases, which nothing can block.`,
		Example: `  tenantry release publish ./migrations --name 2026.11
  tenantry release publish ./prisma/migrations --name 2026.11
  tenantry release publish ./db --name 2026.11 --format golang-migrate
  tenantry release publish ./migrations --name 2026.12 --accept-risk 'maintenance window on Sunday, INC-4711'`,
		RunE: func(c *cobra.Command, args []string) error {
			if name == "" {
				return usageError("--name is missing: what people will call the release, such as 2026.11")
			}
			if c.Flags().Changed("accept-risk") && strings.TrimSpace(acceptRisk) == "" {
				return usageError("--accept-risk is empty: say why the errors of the linter are accepted")
			}
			rel, err := readFolder(args[0], format)
			if err != nil {
				return err
			}
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			current, err := reg.Setting(c.Context(), "current_release")
			if err != nil {
				return err
			}
			currency := workers.KeepCurrent
			if now || current == "" {
				currency, current = workers.MakeCurrent, name
			}
			p, report, err := workers.PublishLinted(c.Context(), pool, rel, name, a.requester(), currency, acceptRisk)
			if refused, ok := errors.AsType[*workers.RiskError](err); ok {
				return a.refuseRisk(args[0], refused)
			}
			if err != nil {
				return err
			}
			if a.json() {
				risks, err := release.Risks(c.Context(), pool)
				if err != nil {
					return err
				}
				return a.printJSON(viewRelease(p, current, risks))
			}
			what := "published"
			if p.AlreadyPublished {
				what = "was published before, unchanged"
			}
			a.printf("release %s %s: %d files read as %s, %d statements\n", p.Name, what, p.FileCount, p.Format, p.StatementCount)
			a.sayLint(p.Name, report)
			if current != p.Name {
				a.printf("new tenants get %s; bring all to this one with: tenantry rollout plan %s\n", current, p.Name)
			}
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "", "the release's `name`")
	c.Flags().StringVar(&format, "format", "", "read it as this `format`, one of "+formatNames()+"; found out without")
	c.Flags().BoolVar(&now, "current", false, "give it to new tenants at once")
	c.Flags().StringVar(&acceptRisk, "accept-risk", "", "publish in spite of the linter's errors, for this `reason`")
	return c
}

// formatNames lists what --format takes.
func formatNames() string {
	var names []string
	for _, format := range release.Formats() {
		names = append(names, string(format))
	}
	return strings.Join(names, ", ")
}

func (a *app) releaseList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List releases, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			current, err := reg.Setting(c.Context(), "current_release")
			if err != nil {
				return err
			}
			list, err := release.List(c.Context(), pool)
			if err != nil {
				return err
			}
			risks, err := release.Risks(c.Context(), pool)
			if err != nil {
				return err
			}
			views := make([]releaseView, len(list))
			rows := make([][]string, len(list))
			for i, p := range list {
				v := viewRelease(p, current, risks)
				views[i] = v
				mark := ""
				if v.Current {
					mark = "current"
				}
				if v.Risk != nil {
					mark = strings.TrimSpace(mark + " risk accepted")
				}
				if v.Withdrawn != nil {
					mark = strings.TrimSpace(mark + " withdrawn")
				}
				rows[i] = []string{v.Name, mark, v.Format, strconv.Itoa(v.Files), strconv.Itoa(v.Statements), ago(p.PublishedAt), v.By}
			}
			if a.json() {
				return a.printJSON(views)
			}
			table(a.out, []string{"RELEASE", "", "FORMAT", "FILES", "STATEMENTS", "PUBLISHED", "BY"}, rows)
			return nil
		},
	}
}

// releaseContent is a release with all of its statements.
type releaseContent struct {
	*release.Release

	Risk *release.Risk `json:"risk,omitempty"`
}

func (a *app) releaseShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a release's files and statements", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			rel, err := release.Load(c.Context(), pool, args[0])
			if err != nil {
				return err
			}
			risks, err := release.Risks(c.Context(), pool)
			if err != nil {
				return err
			}
			risk, accepted := risks[rel.ID]
			if a.json() {
				view := releaseContent{Release: rel}
				if accepted {
					view.Risk = &risk
				}
				return a.printJSON(view)
			}
			if accepted {
				a.printf("%s of the linter accepted by %s: %s\n", counted(risk.Errors, "error"), printable(risk.AcceptedBy), printable(risk.Reason))
			}
			for _, f := range rel.Files {
				mode := ""
				if !f.Transactional {
					mode = "  (outside a transaction)"
				}
				a.printf("%s%s\n", f.Name, mode)
				for _, s := range f.Statements {
					a.printf("  %3d  line %-4d %s\n", s.No, s.Line, s.Kind)
				}
			}
			return nil
		},
	}
}

func (a *app) releaseCurrent() *cobra.Command {
	return &cobra.Command{
		Use: "current NAME", Short: "Give new tenants this release", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			tag, err := pool.Exec(c.Context(), `
				UPDATE tenantry.settings SET value = to_jsonb(r.name), updated_at = now()
				FROM tenantry.releases r
				WHERE key = 'current_release' AND r.name = $1 AND r.withdrawn_at IS NULL`, args[0])
			if err != nil {
				return fmt.Errorf("set current release: %w", err)
			}
			if tag.RowsAffected() == 0 {
				return usageError("there is no release %q, or it is withdrawn; see tenantry release list", args[0])
			}
			if a.json() {
				return a.printJSON(map[string]string{"current_release": args[0]})
			}
			a.printf("new tenants get release %s\n", args[0])
			return nil
		},
	}
}

// subFolder is the folder of an embedded file system.
func subFolder(files fs.FS, dir string) (fs.FS, error) {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return sub, nil
}
