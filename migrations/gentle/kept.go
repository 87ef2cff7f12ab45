package gentle

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// kept is what one session leaves to the next on a kept connection ([Options.Kept]).
type kept struct {
	// settled are the role and the settings that the connection has, "" when that is not known.
	settled string
	// plans are the names of prepared statements.
	plans map[string]bool
}

const keptKey = "tenantry/gentle"

func keptOf(conn *pgconn.PgConn) *kept {
	data := conn.CustomData()
	k, ok := data[keptKey].(*kept)
	if !ok {
		k = &kept{plans: map[string]bool{}}
		data[keptKey] = k
	}
	return k
}

// planName names the prepared statement of a command.
func planName(sql string) string {
	sum := sha256.Sum256([]byte(sql))
	return "tenantry_" + hex.EncodeToString(sum[:8])
}

// settledAs says what a session has settled, for the next one to compare.
func settledAs(commands []Command) string {
	var all strings.Builder
	for _, c := range commands {
		all.WriteString(c.SQL + ";")
	}
	return all.String()
}
