package provision

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Facts are what the node's catalog knows of a database, without a connection to it.
type Facts struct {
	At     time.Time // by the node's clock
	LSN    string    // how far the node's log is
	Server int       // as server_version_num
	Size   int64     // in bytes
	Locale tenants.Locale
	// Settings are what the database itself sets, such as search_path=….
	Settings []string
}

const factsSQL = `
SELECT clock_timestamp(), pg_current_wal_lsn()::text, current_setting('server_version_num')::integer, pg_database_size(d.oid),
       ARRAY(SELECT unnest(s.setconfig) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0),
       pg_encoding_to_char(encoding), datlocprovider::text, datcollate, datctype, coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale', '')
FROM pg_database d
WHERE datname = $1`

// Facts reads them.
func (p *Provisioner) Facts(ctx context.Context, databaseID string) (Facts, error) {
	var f Facts
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return f, err
	}
	pool, err := p.admin.pool(node)
	if err != nil {
		return f, err
	}
	l := &f.Locale
	// Without a prepared statement: the session's next user may be another node's, after a failover.
	err = pool.QueryRow(ctx, factsSQL, pgx.QueryExecModeExec, db.Name).
		Scan(&f.At, &f.LSN, &f.Server, &f.Size, &f.Settings, &l.Encoding, &l.Provider, &l.Collate, &l.CType, &l.ICULocale)
	if err != nil {
		return f, fmt.Errorf("node %s: read what it knows of database %s: %w", node.Name, db.Name, err)
	}
	return f, nil
}
