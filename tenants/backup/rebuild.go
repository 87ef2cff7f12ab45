package backup

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"gocloud.dev/blob"
)

// storedSigningKey is the key that signs as it lies in the store, for the day on which the control database is lost.
type storedSigningKey struct {
	ID     string `json:"id"`
	Public []byte `json:"public"`
	Sealed string `json:"sealed"`
}

const installationFolder = "installation/"

// StoreSigning sees to it that the store has the keys that have signed.
func (c *Catalog) StoreSigning(ctx context.Context, store *Store, again bool) error {
	if store.signing.Load() && !again {
		return nil
	}
	rows, err := c.pool.Query(ctx, `SELECT id, decode(public, 'base64'), sealed FROM tenantry.signing_keys`)
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedSigningKey])
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}
	for _, k := range keys {
		object := installationFolder + k.ID + ".json"
		if _, err := store.Size(ctx, object); err == nil && !again {
			continue
		} else if err != nil && !errors.Is(err, ErrNotThere) {
			return err
		}
		body, err := json.MarshalIndent(k, "", "  ")
		if err != nil {
			return fmt.Errorf("encode signing key: %w", err)
		}
		if err := store.WriteSmall(ctx, object, false, body); err != nil {
			return err
		}
	}
	store.signing.Store(len(keys) > 0)
	return nil
}

// Rebuilt is what [Catalog.Rebuild] has found.
type Rebuilt struct {
	Tenants int `json:"tenants"` // with backups in the store
	Backups int `json:"backups"` // in the store
	Added   int `json:"added"`   // of them, which the control database did not know
	// Returned are tenants that the control database did not know either: they are there as deleted ones, to whom the backups belong.
	Returned []string `json:"returned,omitempty"`
	// Refused says what is not believed, and why.
	Refused []string `json:"refused,omitempty"`
}

// Rebuild reads keys and manifests in the store and adds what the control database does not know. It takes nothing away, and brings no key back that was
// destroyed. progress is told of each tenant; it may be nil.
func (c *Catalog) Rebuild(ctx context.Context, store *Store, progress func(tenant string)) (Rebuilt, error) {
	var out Rebuilt
	if err := c.returnSigningKeys(ctx, store, &out); err != nil {
		return out, err
	}
	trusted, err := c.Trusted(ctx)
	if err != nil {
		return out, err
	}
	tenants, err := store.folders(ctx, "tenants/")
	if err != nil {
		return out, err
	}
	for _, tenant := range tenants {
		if progress != nil {
			progress(tenant)
		}
		if err := c.rebuildTenant(ctx, store, trusted, tenant, &out); err != nil {
			return out, fmt.Errorf("tenant %s: %w", tenant, err)
		}
	}
	return out, nil
}

func (o *Rebuilt) refuse(name string, err error) {
	o.Refused = append(o.Refused, name+": "+err.Error())
}

// smallOnes reads every object below a prefix that ends in .json.
func (s *Store) smallOnes(ctx context.Context, prefix string, visit func(key string, raw []byte) error) error {
	return s.List(ctx, prefix, func(key string, _ *blob.ListObject) error {
		if !strings.HasSuffix(key, ".json") {
			return nil
		}
		raw, err := s.ReadSmall(ctx, key)
		if err != nil {
			return err
		}
		return visit(key, raw)
	})
}

// returnSigningKeys adds the keys that have signed.
func (c *Catalog) returnSigningKeys(ctx context.Context, store *Store, out *Rebuilt) error {
	return store.smallOnes(ctx, installationFolder, func(key string, raw []byte) error {
		k, reason := c.believedSigningKey(raw)
		if reason != nil {
			out.refuse(key, reason)
			return nil
		}
		// Older than one that was made since: that one goes on signing.
		_, err := c.pool.Exec(ctx, `INSERT INTO tenantry.signing_keys (id, public, sealed, created_at) VALUES ($1, $2, $3, now() - interval '1 day') ON CONFLICT DO NOTHING`,
			k.ID, base64.StdEncoding.EncodeToString(k.Public), k.Sealed)
		return wrap("add signing key", err)
	})
}

// believedSigningKey reads a key that opens with one of ours and is the private half of what it says.
func (c *Catalog) believedSigningKey(raw []byte) (storedSigningKey, error) {
	var k storedSigningKey
	if err := json.Unmarshal(raw, &k); err != nil {
		return k, errors.New("it is not what we write there")
	}
	seed, err := c.keys.Open(signingPurpose(k.ID), k.Sealed)
	if err != nil {
		return k, err
	}
	private, err := base64.StdEncoding.DecodeString(seed)
	if err != nil || len(private) != ed25519.SeedSize {
		return k, errors.New("it is no Ed25519 key")
	}
	public, _ := ed25519.NewKeyFromSeed(private).Public().(ed25519.PublicKey)
	if !public.Equal(ed25519.PublicKey(k.Public)) {
		return k, errors.New("its halves do not fit")
	}
	return k, nil
}

func (c *Catalog) rebuildTenant(ctx context.Context, store *Store, trusted Trusted, tenant string, out *Rebuilt) error {
	backups, err := store.folders(ctx, tenantFolder(tenant))
	if err != nil {
		return err
	}
	var manifests []Manifest
	for _, b := range backups {
		name := ManifestKey(tenant, b)
		raw, err := store.ReadSmall(ctx, name)
		if errors.Is(err, ErrNotThere) {
			continue // no backup
		}
		if err != nil {
			return err
		}
		m, err := trusted.OpenManifest(name, raw)
		if err == nil && (m.Tenant != tenant || m.Backup != b) {
			err = fmt.Errorf("it is that of backup %s of tenant %s", m.Backup, m.Tenant)
		}
		if err != nil {
			out.refuse(name, err)
			continue
		}
		manifests = append(manifests, m)
	}
	if len(manifests) == 0 {
		return nil
	}
	out.Tenants++
	out.Backups += len(manifests)
	return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error { //nolint:wrapcheck // the caller does
		returned, err := returnTenant(ctx, tx, manifests[len(manifests)-1])
		if err != nil {
			return err
		}
		if returned {
			out.Returned = append(out.Returned, manifests[len(manifests)-1].Slug)
		}
		if err := c.returnKeys(ctx, tx, store, tenant, out); err != nil {
			return err
		}
		for _, m := range manifests {
			added, err := returnBackup(ctx, tx, store, m)
			if err != nil {
				return err
			}
			if added {
				out.Added++
			}
		}
		return nil
	})
}

// returnTenant makes the row of a tenant that is not known, as one that is deleted: its backups can be restored as a new one.
func returnTenant(ctx context.Context, tx pgx.Tx, m Manifest) (bool, error) {
	tag, err := tx.Exec(ctx, `
		WITH place AS (
		  SELECT (SELECT n.id FROM tenantry.nodes n ORDER BY n.name <> $4, n.name LIMIT 1) AS node,
		         (SELECT r.id FROM tenantry.releases r ORDER BY r.name <> $5, r.seq DESC LIMIT 1) AS release
		), home AS (
		  INSERT INTO tenantry.databases (node_id, name, release_id, state, tenant_id, dropped_at)
		  SELECT node, $3, release, 'dropped', $1, now() FROM place
		  WHERE NOT EXISTS (SELECT FROM tenantry.tenants t WHERE t.id = $1)
		  RETURNING id
		)
		INSERT INTO tenantry.tenants (id, slug, name, state, database_id, deleted_at)
		SELECT $1, $2, $2, 'deleted', id, now() FROM home`, m.Tenant, m.Slug, m.Database, m.Node, m.Release)
	if err != nil {
		return false, fmt.Errorf("add tenant (a node and a release must be there: tenantry node add, tenantry release publish): %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

func (c *Catalog) returnKeys(ctx context.Context, tx pgx.Tx, store *Store, tenant string, out *Rebuilt) error {
	return store.smallOnes(ctx, tenantFolder(tenant)+"keys/", func(key string, raw []byte) error {
		var k sealedKey
		err := json.Unmarshal(raw, &k)
		if err == nil && k.Tenant != tenant {
			err = fmt.Errorf("it is that of tenant %s", k.Tenant)
		}
		if err == nil {
			_, err = c.open(k)
		}
		if err != nil {
			out.refuse(key, err)
			return nil
		}
		// A tenant has one key that is used; one that was destroyed stays so.
		_, err = tx.Exec(ctx, `
			INSERT INTO tenantry.backup_keys (id, tenant_id, recipient, sealed) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING`, k.ID, k.Tenant, k.Recipient, k.Sealed)
		return wrap("add key", err)
	})
}

// returnBackup adds a backup whose key is known. It counts as unverified.
func returnBackup(ctx context.Context, tx pgx.Tx, store *Store, m Manifest) (bool, error) {
	tag, err := tx.Exec(ctx, `
		INSERT INTO tenantry.backups (id, tenant_id, state, store, key_id, release, taken_at, bytes, size, tables, rows, server_version, client_version, manifest, created_at, completed_at)
		SELECT $1, $2, 'complete', $3, k.id, $5, $6, $7, $8, $9, $10, $11, $12, $13, $6, $6
		FROM tenantry.backup_keys k
		WHERE k.id = $4 AND k.destroyed_at IS NULL
		ON CONFLICT DO NOTHING`, m.Backup, m.Tenant, store.URL(), m.Key, m.Release, m.At, m.Data.Bytes+m.Contents.Bytes, m.Size, m.Tables, m.Rows, m.Server, m.Client, m)
	return tag.RowsAffected() > 0, wrap("add backup "+m.Backup, err)
}
