package tenants

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrNoCredential says that the database has no credential for that role (yet, or any more).
var ErrNoCredential = errors.New("there is no credential")

// ErrNotCurrent says that the attempt on whose behalf something was to be written is not the newest of its operation. Nothing was.
var ErrNotCurrent = errors.New("not the newest attempt")

// Attempt is on whose behalf something is written: it is, as long as no newer attempt of the operation has begun and the
// operation has not ended.
type Attempt struct {
	OperationID string
	Number      int
}

// holdAttemptSQL keeps an attempt the newest until the transaction ends; no row says that it is not.
const holdAttemptSQL = `SELECT true FROM tenantry.operations WHERE id = $1 AND attempt = $2 AND state = 'running' FOR SHARE`

// Credential is a login of a tenant's database.
type Credential struct {
	Role     Role
	Username string
	Password string
}

func purpose(databaseID string, role Role) string {
	return "credential/" + databaseID + "/" + string(role)
}

// Credential opens the login of a role.
func (r *Registry) Credential(ctx context.Context, databaseID string, role Role) (Credential, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var username, sealed string
	err := r.pool.QueryRow(ctx, `SELECT username, sealed FROM tenantry.credentials WHERE database_id = $1 AND role = $2`, databaseID, role).
		Scan(&username, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return Credential{}, fmt.Errorf("%s of database %s: %w", role, databaseID, ErrNoCredential)
	}
	if err != nil {
		return Credential{}, fmt.Errorf("read credential: %w", err)
	}
	password, err := r.keys.Open(purpose(databaseID, role), sealed)
	if err != nil {
		return Credential{}, err
	}
	return Credential{Role: role, Username: username, Password: password}, nil
}

// EnsureCredentials returns a database's logins and makes those it lacks. They are stored before a role gets its password, so
// that a run that comes after a crash finds and uses the same ones. With a renewal, such as an operation's id, passwords of
// any other renewal are replaced: asking again with the same one changes nothing more. An attempt that is not the newest, such
// as that of a worker that was frozen, gets ErrNotCurrent: it would replace what a later rotation has made, or store
// passwords of a database that is gone.
func (r *Registry) EnsureCredentials(ctx context.Context, db Database, renewal string, by Attempt) ([]Credential, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	batch := &pgx.Batch{} // one implicit transaction
	batch.Queue(holdAttemptSQL, by.OperationID, by.Number)
	for _, role := range LoginRoles() {
		sealed, err := r.keys.Seal(purpose(db.ID, role), NewPassword())
		if err != nil {
			return nil, err
		}
		batch.Queue(`
			INSERT INTO tenantry.credentials AS c (database_id, role, username, sealed, renewal)
			SELECT $1, $2, $3, $4, $5
			FROM tenantry.operations
			WHERE id = $6 AND attempt = $7 AND state = 'running'
			ON CONFLICT (database_id, role) DO UPDATE
			SET sealed = excluded.sealed, renewal = excluded.renewal, rotated_at = now()
			WHERE $5 <> '' AND c.renewal <> $5`, db.ID, role, db.Role(role), sealed, renewal, by.OperationID, by.Number)
	}
	batch.Queue(`SELECT role, username, sealed FROM tenantry.credentials WHERE database_id = $1`, db.ID)
	results := r.pool.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }()
	var current bool
	if err := results.QueryRow().Scan(&current); errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotCurrent
	} else if err != nil {
		return nil, fmt.Errorf("hold attempt: %w", err)
	}
	for range LoginRoles() {
		if _, err := results.Exec(); err != nil {
			return nil, fmt.Errorf("store credentials: %w", err)
		}
	}
	rows, err := results.Query()
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	var list []Credential
	var c Credential
	var sealed string
	_, err = pgx.ForEachRow(rows, []any{&c.Role, &c.Username, &sealed}, func() error {
		c.Password, err = r.keys.Open(purpose(db.ID, c.Role), sealed)
		list = append(list, c)
		return err
	})
	return list, wrapf(err, "read credentials")
}

// TenantURL is what an application connects with. Suspended and deleting tenants have one that does not work; one whose node is lost has none, that is ErrNodeLost.
func (r *Registry) TenantURL(ctx context.Context, tenantID string, role Role, direct bool) (string, error) {
	db, err := r.DatabaseOf(ctx, tenantID)
	if err != nil {
		return "", err
	}
	node, err := r.Node(ctx, db.NodeID)
	if err != nil {
		return "", err
	}
	if err := node.Usable(); err != nil {
		return "", err
	}
	c, err := r.Credential(ctx, db.ID, role)
	if err != nil {
		return "", err
	}
	base := node.URL
	if node.PoolerURL != "" && !direct {
		base = node.PoolerURL
	}
	return JoinURL(base, db.Name, c.Username, c.Password)
}

// NodePassword opens the password of a node's provisioner.
func (r *Registry) NodePassword(n Node) (string, error) {
	return r.keys.Open("node/"+n.ID, n.SealedPassword)
}

// SealNodePassword seals the password of a node's provisioner.
func (r *Registry) SealNodePassword(nodeID, password string) (string, error) {
	return r.keys.Seal("node/"+nodeID, password)
}

// sealedAt is where secrets are kept: how their purpose begins, the rows' keys, and how one is replaced if it is still what it was.
var sealedAt = []struct{ purpose, list, update string }{
	{"credential", `SELECT database_id, role, sealed FROM tenantry.credentials`, `UPDATE tenantry.credentials SET sealed = $4 WHERE database_id = $1 AND role = $2 AND sealed = $3`},
	{"node", `SELECT id, '', sealed_password FROM tenantry.nodes`, `UPDATE tenantry.nodes SET sealed_password = $4 WHERE id = $1 AND $2 = '' AND sealed_password = $3`},
	{"backup-key", `SELECT tenant_id, id, sealed FROM tenantry.backup_keys WHERE sealed IS NOT NULL`, `UPDATE tenantry.backup_keys SET sealed = $4 WHERE tenant_id = $1 AND id = $2 AND sealed = $3`},
	{"signing-key", `SELECT id, '', sealed FROM tenantry.signing_keys`, `UPDATE tenantry.signing_keys SET sealed = $4 WHERE id = $1 AND $2 = '' AND sealed = $3`},
}

// Reseal seals with the newest key whatever is sealed with another, and returns how many that were. It can be interrupted and
// run again.
func (r *Registry) Reseal(ctx context.Context) (int, error) {
	changed := 0
	for _, at := range sealedAt {
		rows, err := r.pool.Query(ctx, at.list)
		if err != nil {
			return changed, fmt.Errorf("read sealed secrets: %w", err)
		}
		type row struct{ ID, Part, Sealed string }
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil {
			return changed, fmt.Errorf("read sealed secrets: %w", err)
		}
		for _, s := range all {
			if r.keys.SealedWithNewest(s.Sealed) || s.Sealed == "" {
				continue
			}
			what := strings.TrimSuffix(at.purpose+"/"+s.ID+"/"+s.Part, "/")
			secret, err := r.keys.Open(what, s.Sealed)
			if err != nil {
				return changed, err
			}
			sealed, err := r.keys.Seal(what, secret)
			if err != nil {
				return changed, err
			}
			if _, err := r.pool.Exec(ctx, at.update, s.ID, s.Part, s.Sealed, sealed); err != nil {
				return changed, fmt.Errorf("seal anew: %w", err)
			}
			changed++
		}
	}
	return changed, nil
}
