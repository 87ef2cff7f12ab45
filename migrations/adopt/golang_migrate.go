package adopt

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// readGolangMigrate reads golang-migrate's one row (golang-migrate/migrate, database/postgres/postgres.go, Version): the newest version, and
// whether it was left half done. Which files came before is not kept: all of them.
func readGolangMigrate(ctx context.Context, q Querier, table string) (History, error) {
	var h History
	var version int64
	var dirty bool
	err := q.QueryRow(ctx, `SELECT version, dirty FROM `+table+` ORDER BY version DESC LIMIT 1`).Scan(&version, &dirty)
	if errors.Is(err, pgx.ErrNoRows) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("query: %w", err)
	}
	if dirty {
		return h, refuse(fmt.Sprintf("look what of it took effect, mend the schema by hand, then: migrate force %d (or the version before it)", version),
			"version %d is dirty: golang-migrate began it and did not finish", version)
	}
	h.UpTo = strconv.FormatInt(version, 10)
	h.Notes = []string{"golang-migrate keeps one number: every file up to " + h.UpTo + " is taken for applied; the comparison of schemas is what proves it"}
	return h, nil
}
