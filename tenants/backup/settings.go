package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
)

// settings gives the database what the one that was dumped sets by itself, such as its search_path. pg_dump writes that only for whoever makes the database.
// What only a superuser may set is left, and returned.
func (r Restore) settings(ctx context.Context, conn *pgx.Conn) (given, left []string, err error) {
	database := tenants.Ident(r.Target.Database)
	for _, s := range r.Contents.Settings {
		name, value, _ := strings.Cut(s, "=")
		parts := strings.Split(name, ".")
		for i := range parts {
			parts[i] = tenants.Ident(parts[i])
		}
		// FROM CURRENT takes the value as it is: a list need not be taken apart and quoted again.
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL ROLE "+tenants.Ident(r.Target.Owner)); err != nil {
				return err //nolint:wrapcheck // wrapped below
			}
			if _, err := tx.Exec(ctx, `SELECT set_config($1, $2, true)`, name, value); err != nil {
				return err //nolint:wrapcheck // wrapped below
			}
			_, err := tx.Exec(ctx, "ALTER DATABASE "+database+" SET "+strings.Join(parts, ".")+" FROM CURRENT")
			return err //nolint:wrapcheck // wrapped below
		})
		pg, is := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil:
			given = append(given, s)
		case is && pg.Code == pgerrcode.InsufficientPrivilege:
			left = append(left, "setting "+name)
		default:
			return nil, nil, fmt.Errorf("setting %s of the database: %w", name, err)
		}
	}
	return given, left, nil
}

// compareSettings looks whether the database sets by itself what the one that was dumped did.
func compareSettings(ctx context.Context, conn *pgx.Conn, want []string) ([]Difference, error) {
	var got []string
	err := conn.QueryRow(ctx, `
		SELECT ARRAY(SELECT unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
		             WHERE d.datname = current_database() AND s.setrole = 0)`).Scan(&got)
	if err != nil {
		return nil, fmt.Errorf("compare settings of the database: %w", err)
	}
	want = slices.Sorted(slices.Values(want))
	slices.Sort(got)
	if slices.Equal(want, got) {
		return nil, nil
	}
	return []Difference{{What: "settings of the database", Want: strings.Join(want, ", "), Got: strings.Join(got, ", ")}}, nil
}
