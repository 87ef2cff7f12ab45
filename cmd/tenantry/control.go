package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/workers"
)

func (a *app) controlCommand() *cobra.Command {
	return group("control", "Set up the control database", a.controlMigrate(), a.controlAPIURL(), a.controlSettings())
}

func (a *app) controlMigrate() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the control database to this version", Args: cobra.NoArgs,
		Long: `Creates or migrates the schemas tenantry and river in the database of TENANTRY_CONTROL_URL. It changes nothing when
there is nothing to do, and any number may run at once. The login must own the database and be able to create the
role tenantry_api (CREATEROLE), or find it there.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.env.ControlURL == "" {
				return usageError("TENANTRY_CONTROL_URL is not set: it names the control database")
			}
			ran, err := workers.MigrateControl(c.Context(), a.env.ControlURL)
			if a.json() && err == nil {
				if ran == nil {
					ran = []string{}
				}
				return a.printJSON(map[string]any{"ran": ran})
			}
			for _, name := range ran {
				a.println("ran", name)
			}
			if err == nil && len(ran) == 0 {
				a.println("control database is up to date")
			}
			return err
		},
	}
}

func (a *app) controlAPIURL() *cobra.Command {
	return &cobra.Command{
		Use: "api-url", Short: "Give the API's role tenantry_api a new password and print its URL", Args: cobra.NoArgs,
		Long: `The role tenantry_api can submit, cancel and retry operations and read them and the tenants, nothing else. This gives
it a new password, so the old URL stops working. It is sent as a SCRAM verifier and kept nowhere: store the output.`,
		RunE: func(c *cobra.Command, _ []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			u, err := newAPIURL(c.Context(), pool, a.env.ControlURL)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]string{"url": u})
			}
			a.println(u)
			return nil
		},
	}
}

func newAPIURL(ctx context.Context, pool *pgxpool.Pool, controlURL string) (string, error) {
	password := tenants.NewPassword()
	verifier, err := tenants.Verifier(password)
	if err != nil {
		return "", err
	}
	if _, err := pool.Exec(ctx, "ALTER ROLE tenantry_api PASSWORD "+tenants.Literal(verifier)); err != nil {
		return "", fmt.Errorf("set password of tenantry_api: %w", err)
	}
	return tenants.JoinURL(controlURL, pool.Config().ConnConfig.Database, "tenantry_api", password)
}

func (a *app) controlSettings() *cobra.Command {
	return &cobra.Command{
		Use: "settings [KEY [VALUE]]", Short: "Show the fleet's settings, or change one", Args: cobra.MaximumNArgs(2),
		Long: `Shows the settings of the whole fleet, or changes one. purges_per_hour (0 stops purges) and mass_delete_floor are whole
numbers from 0, max_reaps and warm_failures from 1; mass_delete_share and drift_sample are numbers from 0 to 1; delete_grace is an interval
up to 366 days. When the fleet does what by itself, tenantry schedule says.`,
		Example: "  tenantry control settings purges_per_hour 50\n  tenantry control settings delete_grace '30 days'",
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 2 {
				if err := setSetting(c.Context(), pool, args[0], args[1]); err != nil {
					return err
				}
				args = args[:1] // and shows it
			}
			type setting struct {
				Key         string          `json:"key"`
				Value       json.RawMessage `json:"value"`
				Description string          `json:"description"`
			}
			rows, err := pool.Query(c.Context(), `SELECT key, value, description FROM tenantry.settings ORDER BY key`)
			if err != nil {
				return fmt.Errorf("read settings: %w", err)
			}
			list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[setting])
			if err != nil {
				return fmt.Errorf("read settings: %w", err)
			}
			var cells [][]string
			var shown []setting
			for _, s := range list {
				if len(args) == 0 || s.Key == args[0] {
					shown = append(shown, s)
					cells = append(cells, []string{s.Key, string(s.Value), s.Description})
				}
			}
			if len(args) == 1 && len(shown) == 0 {
				return usageError("there is no setting %q; see tenantry control settings", args[0])
			}
			if a.json() {
				return a.printJSON(shown)
			}
			table(a.out, []string{"KEY", "VALUE", "MEANING"}, cells)
			return nil
		},
	}
}

// setSetting changes a setting. What is right for it, the control database says: nobody can store a wrong one past this program either.
func setSetting(ctx context.Context, pool *pgxpool.Pool, key, value string) error {
	if key == "current_release" {
		return usageError("current_release is set by: tenantry release publish, or tenantry release current NAME")
	}
	// A number where the setting is one; what was typed, as text, where it is none or is not a number.
	var parsed *float64
	var number *string
	if json.Unmarshal([]byte(value), &parsed) == nil && parsed != nil {
		number = &value
	}
	if strings.HasPrefix(strings.TrimSpace(value), "{") && json.Valid([]byte(value)) { // a policy
		number = &value
	}
	tag, err := pool.Exec(ctx, `
		UPDATE tenantry.settings
		SET value = CASE WHEN jsonb_typeof(value) = jsonb_typeof($3::jsonb) THEN $3::jsonb ELSE to_jsonb($2::text) END, updated_at = now()
		WHERE key = $1`, key, value, number)
	if err != nil {
		return refusedAsUsage(fmt.Errorf("change setting %s: %w", key, err))
	}
	if tag.RowsAffected() == 0 {
		return usageError("there is no setting %q; see tenantry control settings", key)
	}
	return nil
}

// refusedAsUsage makes what the control database refuses, because it makes no sense, the fault of who has typed it.
func refusedAsUsage(err error) error {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == "TY001" {
		return usageError("%s; %s", refusal.Message, refusal.Hint)
	}
	return err
}

func (a *app) keyCommand() *cobra.Command {
	return group("key", "Make secret keys", &cobra.Command{
		Use: "new", Short: "Print a new key for TENANTRY_SECRET_KEY", Args: cobra.NoArgs,
		Long: `Prints 32 random bytes in base64. To rotate, put the new key in front of the old ones, separated by a comma, give that to
every process, and run tenantry key reseal; then drop the old ones.`,
		RunE: func(*cobra.Command, []string) error {
			a.println(tenants.NewKey())
			return nil
		},
	}, &cobra.Command{
		Use: "reseal", Short: "Seal every stored secret with the newest key", Args: cobra.NoArgs,
		Long: `Seals every password and key in the control database anew, and the keys of backups in the store of TENANTRY_BACKUP_URL.`,
		RunE: func(c *cobra.Command, _ []string) error {
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			if reg.Keys() == nil {
				return usageError("TENANTRY_SECRET_KEY is not set")
			}
			n, err := reg.Reseal(c.Context())
			if err != nil {
				return err
			}
			stored, where, err := a.storeKeys(c.Context(), reg)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]int{"resealed": n, "stored": stored})
			}
			a.printf("%d secrets sealed anew\n", n)
			if a.env.BackupURL == "" {
				a.println("set TENANTRY_BACKUP_URL and run it again where tenants have backups: their keys lie beside them as well; then every other key can be dropped")
				return nil
			}
			a.printf("%d keys of backups written to %s; every other key can be dropped\n", stored, where)
			return nil
		},
	})
}

// storeKeys brings the keys of backups in the store to how they are sealed now, where a store is named. It says where that is, without what may be a secret.
func (a *app) storeKeys(ctx context.Context, reg *tenants.Registry) (n int, where string, err error) {
	if a.env.BackupURL == "" {
		return 0, "", nil
	}
	store, err := backup.OpenStore(ctx, a.env.BackupURL)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = store.Close() }()
	n, err = backup.NewCatalog(reg).StoreKeys(ctx, store)
	return n, store.URL(), err
}
