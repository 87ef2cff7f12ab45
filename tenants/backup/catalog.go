package backup

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/tenants"
)

// Catalog is what the control database knows of backups and their keys.
type Catalog struct {
	pool *pgxpool.Pool
	keys *tenants.Keyring
}

// NewCatalog makes a catalog on the control database.
func NewCatalog(reg *tenants.Registry) *Catalog { return &Catalog{pool: reg.Pool(), keys: reg.Keys()} }

// What a look-up may not find.
var (
	ErrNoBackup     = errors.New("there is no such backup")
	ErrKeyDestroyed = errors.New("the key was destroyed: nobody can read the backup any more")
)

const queryTimeout = 15 * time.Second

func signingPurpose(id string) string        { return "signing-key/" + id }
func tenantPurpose(tenant, id string) string { return "backup-key/" + tenant + "/" + id }

// Signing gives the key that signs, which is made where there is none, and those that are believed.
func (c *Catalog) Signing(ctx context.Context) (SigningKey, Trusted, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	newest, trusted, err := c.signing(ctx)
	if err != nil || len(trusted) > 0 {
		return newest, trusted, err
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return SigningKey{}, nil, fmt.Errorf("make a signing key: %w", err)
	}
	err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		// Two workers that begin at once make one.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('tenantry.signing_keys', 0))`); err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		var id string
		if err := tx.QueryRow(ctx, `SELECT tenantry.new_id('sig')`).Scan(&id); err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		sealed, err := c.keys.Seal(signingPurpose(id), base64.StdEncoding.EncodeToString(private.Seed()))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO tenantry.signing_keys (id, public, sealed) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM tenantry.signing_keys)`,
			id, base64.StdEncoding.EncodeToString(public), sealed)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return SigningKey{}, nil, fmt.Errorf("make a signing key: %w", err)
	}
	return c.signing(ctx)
}

func (c *Catalog) signing(ctx context.Context) (SigningKey, Trusted, error) {
	trusted, err := c.Trusted(ctx)
	if err != nil || len(trusted) == 0 {
		return SigningKey{}, trusted, err
	}
	var k SigningKey
	var sealed string
	err = c.pool.QueryRow(ctx, `SELECT id, sealed FROM tenantry.signing_keys ORDER BY created_at DESC, id DESC LIMIT 1`).Scan(&k.ID, &sealed)
	if err != nil {
		return k, nil, fmt.Errorf("read signing key: %w", err)
	}
	seed, err := c.keys.Open(signingPurpose(k.ID), sealed)
	if err != nil {
		return k, nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(seed)
	if err != nil || len(raw) != ed25519.SeedSize {
		return k, nil, fmt.Errorf("signing key %s: it is no Ed25519 key", k.ID)
	}
	k.Private = ed25519.NewKeyFromSeed(raw)
	return k, trusted, nil
}

// Trusted are the public keys that are believed. It needs no secret key.
func (c *Catalog) Trusted(ctx context.Context) (Trusted, error) {
	rows, err := c.pool.Query(ctx, `SELECT id, public FROM tenantry.signing_keys`)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	trusted := Trusted{}
	var id, public string
	_, err = pgx.ForEachRow(rows, []any{&id, &public}, func() error {
		raw, err := base64.StdEncoding.DecodeString(public)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return fmt.Errorf("signing key %s: it is no Ed25519 key", id)
		}
		trusted[id] = raw
		return nil
	})
	return trusted, wrap("read signing keys", err)
}

// sealedKey is a tenant's key as it lies in the store, for the day on which the control database is lost.
type sealedKey struct {
	ID        string `json:"id"`
	Tenant    string `json:"tenant"`
	Recipient string `json:"recipient"`
	Sealed    string `json:"sealed"`
}

// KeyObject is where a tenant's key lies in the store.
func KeyObject(tenant, key string) string { return tenantFolder(tenant) + "keys/" + key + ".json" }

// EnsureKey gives the key of a tenant, which is made where there is none, and sees to it that the store has it too. An attempt that is not the newest gets
// [tenants.ErrNotCurrent].
func (c *Catalog) EnsureKey(ctx context.Context, store *Store, tenant string, by tenants.Attempt) (TenantKey, error) {
	k, err := c.ensureKey(ctx, tenant, by)
	if err != nil {
		return TenantKey{}, err
	}
	if err := c.StoreSigning(ctx, store, false); err != nil {
		return TenantKey{}, err
	}
	object := KeyObject(tenant, k.ID)
	if _, err := store.Size(ctx, object); err != nil {
		if !errors.Is(err, ErrNotThere) {
			return TenantKey{}, err
		}
		if err := k.store(ctx, store); err != nil {
			return TenantKey{}, err
		}
	}
	return c.open(k)
}

// StoreKeys writes every tenant's key into the store again, as it is sealed now, and returns how many. Call it after keys were sealed anew.
func (c *Catalog) StoreKeys(ctx context.Context, store *Store) (int, error) {
	rows, err := c.pool.Query(ctx, `SELECT id, tenant_id, recipient, sealed FROM tenantry.backup_keys WHERE sealed IS NOT NULL ORDER BY id`)
	if err != nil {
		return 0, fmt.Errorf("list keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sealedKey])
	if err != nil {
		return 0, fmt.Errorf("list keys: %w", err)
	}
	if err := c.StoreSigning(ctx, store, true); err != nil {
		return 0, err
	}
	for i, k := range keys {
		if err := k.store(ctx, store); err != nil {
			return i, err
		}
	}
	return len(keys), nil
}

func (k sealedKey) store(ctx context.Context, store *Store) error {
	body, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	return store.WriteSmall(ctx, KeyObject(k.Tenant, k.ID), false, body)
}

func (c *Catalog) ensureKey(ctx context.Context, tenant string, by tenants.Attempt) (sealedKey, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	k := sealedKey{Tenant: tenant}
	const read = `SELECT id, recipient, sealed FROM tenantry.backup_keys WHERE tenant_id = $1 AND destroyed_at IS NULL`
	err := c.pool.QueryRow(ctx, read, tenant).Scan(&k.ID, &k.Recipient, &k.Sealed)
	if !errors.Is(err, pgx.ErrNoRows) {
		return k, wrap("read the tenant's key", err)
	}
	if err := c.pool.QueryRow(ctx, `SELECT tenantry.new_id('key')`).Scan(&k.ID); err != nil {
		return k, fmt.Errorf("make a tenant's key: %w", err)
	}
	secret, recipient, err := NewTenantKey()
	if err != nil {
		return k, err
	}
	sealed, err := c.keys.Seal(tenantPurpose(tenant, k.ID), secret)
	if err != nil {
		return k, err
	}
	_, err = c.pool.Exec(ctx, `
		WITH current AS MATERIALIZED (SELECT FROM tenantry.operations WHERE id = $5 AND attempt = $6 AND state = 'running' FOR SHARE)
		INSERT INTO tenantry.backup_keys (id, tenant_id, recipient, sealed)
		SELECT $1, $2, $3, $4 FROM current
		ON CONFLICT DO NOTHING`, k.ID, tenant, recipient, sealed, by.OperationID, by.Number)
	if err != nil {
		return k, fmt.Errorf("store the tenant's key: %w", err)
	}
	err = c.pool.QueryRow(ctx, read, tenant).Scan(&k.ID, &k.Recipient, &k.Sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return k, tenants.ErrNotCurrent
	}
	return k, wrap("read the tenant's key", err)
}

func (c *Catalog) open(k sealedKey) (TenantKey, error) {
	secret, err := c.keys.Open(tenantPurpose(k.Tenant, k.ID), k.Sealed)
	if err != nil {
		return TenantKey{}, err
	}
	return ParseTenantKey(k.ID, secret)
}

// Key opens a key by its id.
func (c *Catalog) Key(ctx context.Context, id string) (TenantKey, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	k := sealedKey{ID: id}
	var sealed *string
	err := c.pool.QueryRow(ctx, `SELECT tenant_id, sealed FROM tenantry.backup_keys WHERE id = $1`, id).Scan(&k.Tenant, &sealed)
	if err != nil {
		return TenantKey{}, fmt.Errorf("read key %s: %w", id, err)
	}
	if sealed == nil {
		return TenantKey{}, ErrKeyDestroyed
	}
	k.Sealed = *sealed
	return c.open(k)
}

// Row is a backup as the control database has it.
type Row struct {
	ID             string     `db:"id"              json:"id"`
	TenantID       string     `db:"tenant_id"       json:"tenant_id"`
	Tenant         string     `db:"tenant"          json:"tenant"`
	State          string     `db:"state"           json:"state"`
	Store          string     `db:"store"           json:"store"`
	Release        string     `db:"release"         json:"release"`
	TakenAt        *time.Time `db:"taken_at"        json:"taken_at"`
	Bytes          *int64     `db:"bytes"           json:"bytes"`
	Size           *int64     `db:"size"            json:"size"`
	Tables         *int       `db:"tables"          json:"tables"`
	Rows           *int64     `db:"rows"            json:"rows"`
	Outcome        string     `db:"outcome"         json:"outcome"`
	VerifiedAt     *time.Time `db:"verified_at"     json:"verified_at"`
	VerifyDetail   string     `db:"verify_detail"   json:"verify_detail,omitempty"`
	RestoreSeconds *float32   `db:"restore_seconds" json:"restore_seconds"`
	// UnchangedUntil is up to when the tenant is known not to have changed since: until then the backup is what it had.
	UnchangedUntil *time.Time `db:"unchanged_until" json:"unchanged_until,omitempty"`
	HeldBy         *string    `db:"held_by"         json:"held_by,omitempty"`
	HeldFor        *string    `db:"held_for"        json:"held_for,omitempty"`
	OperationID    *string    `db:"operation_id"    json:"operation_id"`
	CreatedAt      time.Time  `db:"created_at"      json:"created_at"`
	Manifest       *Manifest  `db:"manifest"        json:"manifest,omitempty"`
}

// AsOf is up to when the backup is known to be what the tenant had. It must be complete.
func (r Row) AsOf() time.Time {
	if r.UnchangedUntil != nil && r.UnchangedUntil.After(*r.TakenAt) {
		return *r.UnchangedUntil
	}
	return *r.TakenAt
}

const rowColumns = `b.id, b.tenant_id, t.slug AS tenant, b.state, b.store, b.release, b.taken_at, b.bytes, b.size, b.tables, b.rows, b.outcome, b.verified_at,
  b.verify_detail, b.restore_seconds, b.unchanged_until, b.held_by, b.held_for, b.operation_id, b.created_at`

// Filter selects backups. The zero value selects every one that is complete.
type Filter struct {
	Tenant string // id
	All    bool   // also those that are not, or not any more
	Limit  int    // 0 is no limit
}

// List lists backups, the newest first, without their manifests.
func (c *Catalog) List(ctx context.Context, f Filter) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := c.pool.Query(ctx, `
		SELECT `+rowColumns+`, NULL::jsonb AS manifest
		FROM tenantry.backups b
		JOIN tenantry.tenants t ON t.id = b.tenant_id
		WHERE ($1 = '' OR b.tenant_id = $1) AND ($2 OR b.state = 'complete')
		ORDER BY coalesce(b.taken_at, b.created_at) DESC, b.id DESC
		LIMIT nullif($3::integer, 0)`, f.Tenant, f.All, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Row])
	return list, wrap("list backups", err)
}

// Get reads one backup.
func (c *Catalog) Get(ctx context.Context, id string) (Row, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := c.pool.Query(ctx, `SELECT `+rowColumns+`, b.manifest FROM tenantry.backups b JOIN tenantry.tenants t ON t.id = b.tenant_id WHERE b.id = $1`, id)
	if err != nil {
		return Row{}, fmt.Errorf("read backup: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Row])
	if errors.Is(err, pgx.ErrNoRows) {
		return row, fmt.Errorf("backup %q: %w", id, ErrNoBackup)
	}
	return row, wrap("read backup "+id, err)
}
