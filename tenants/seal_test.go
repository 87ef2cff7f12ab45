package tenants_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

func ring(t *testing.T, keys ...string) *tenants.Keyring {
	t.Helper()
	r, err := tenants.ParseKeys(strings.Join(keys, ","))
	require.NoError(t, err)
	return r
}

func TestSealedValueOpensForItsPurposeOnly(t *testing.T) {
	t.Parallel()
	keys := ring(t, tenants.NewKey())
	sealed, err := keys.Seal("credential/db_1/app", "secret")
	require.NoError(t, err)
	again, err := keys.Seal("credential/db_1/app", "secret")
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "sealing twice shows that two secrets are the same")
	opened, err := keys.Open("credential/db_1/app", sealed)
	require.NoError(t, err)
	require.Equal(t, "secret", opened)
	for _, other := range []string{"credential/db_1/readonly", "credential/db_2/app", "node/db_1", ""} {
		_, err := keys.Open(other, sealed)
		require.Error(t, err, other)
		require.NotErrorIs(t, err, tenants.ErrNoKey)
	}
}

func TestSealedValueThatWasChangedIsRefused(t *testing.T) {
	t.Parallel()
	keys := ring(t, tenants.NewKey())
	sealed, err := keys.Seal("p", "secret")
	require.NoError(t, err)
	for i := range len(sealed) {
		changed := []byte(sealed)
		changed[i] ^= 1
		opened, err := keys.Open("p", string(changed))
		if err == nil { // the last character of base64 may hold bits that mean nothing
			require.Equal(t, "secret", opened)
			require.Equal(t, len(sealed)-1, i)
		} else {
			require.NotContains(t, err.Error(), "secret")
		}
	}
	for _, s := range []string{"", "v1", "v1..", "v2." + sealed[3:], sealed + ".", sealed[:len(sealed)/2], "secret"} {
		_, err := keys.Open("p", s)
		require.Error(t, err, s)
	}
}

func TestAnotherKeyOpensNothing(t *testing.T) {
	t.Parallel()
	mine, theirs := tenants.NewKey(), tenants.NewKey()
	sealed, err := ring(t, mine).Seal("p", "secret")
	require.NoError(t, err)
	_, err = ring(t, theirs).Open("p", sealed)
	require.ErrorIs(t, err, tenants.ErrNoKey)
	for _, key := range []string{mine, theirs} {
		require.NotContains(t, err.Error(), key)
	}
	var none *tenants.Keyring
	_, err = none.Open("p", sealed)
	require.ErrorIs(t, err, tenants.ErrNoKey)
	_, err = none.Seal("p", "secret")
	require.Error(t, err)
	_, err = (&tenants.Keyring{}).Seal("p", "secret")
	require.Error(t, err)
	// A new key in front still opens what the old one sealed.
	both := ring(t, theirs, mine)
	opened, err := both.Open("p", sealed)
	require.NoError(t, err)
	require.Equal(t, "secret", opened)
	require.False(t, both.SealedWithNewest(sealed))
}

func TestKeysAreReadOrRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "short", strings.Repeat("00", 31), strings.Repeat("00", 33), strings.Repeat("z", 64), tenants.NewKey() + ",", "canary-secret-key"} {
		_, err := tenants.ParseKeys(text)
		require.Error(t, err, text)
		if text != "" {
			require.NotContains(t, err.Error(), text, "an error shows the key it refuses")
		}
	}
	ring(t, strings.Repeat("0a", 32))
	ring(t, " "+tenants.NewKey()+" ", tenants.NewKey())
}

// A fleet's passwords move from an old key to a new one, and then the old key is dropped.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	oldKey, newKey := tenants.NewKey(), tenants.NewKey()
	before := tenants.NewRegistry(f.Pool, ring(t, oldKey))
	node, err := before.PutNode(ctx, tenants.NodeRow{Name: "n1", URL: "postgres://127.0.0.1:1/postgres", MaxConnections: 10})
	require.NoError(t, err)
	nodePassword, err := before.NodePassword(node)
	require.NoError(t, err)
	var db tenants.Database
	require.NoError(t, f.Pool.QueryRow(ctx, `
		INSERT INTO tenantry.databases (node_id, release_id) SELECT $1, id FROM tenantry.releases
		RETURNING id, node_id, name`, node.ID).Scan(&db.ID, &db.NodeID, &db.Name))
	passwords, err := before.EnsureCredentials(ctx, db, "", running(t, f, "op_1"))
	require.NoError(t, err)
	require.Len(t, passwords, 3)

	requireAll := func(keys *tenants.Keyring) {
		reg := tenants.NewRegistry(f.Pool, keys)
		node, err := reg.Node(ctx, "n1")
		require.NoError(t, err)
		password, err := reg.NodePassword(node)
		require.NoError(t, err)
		require.Equal(t, nodePassword, password)
		for _, c := range passwords {
			got, err := reg.Credential(ctx, db.ID, c.Role)
			require.NoError(t, err)
			require.Equal(t, c, got)
		}
	}
	both := ring(t, newKey, oldKey)
	requireAll(both)
	_, err = tenants.NewRegistry(f.Pool, ring(t, newKey)).Reseal(ctx)
	require.ErrorIs(t, err, tenants.ErrNoKey, "without the old key nothing can be moved")
	requireAll(both)

	reg := tenants.NewRegistry(f.Pool, both)
	n, err := reg.Reseal(ctx)
	require.NoError(t, err)
	require.Equal(t, 4, n, "three roles and a node")
	n, err = reg.Reseal(ctx)
	require.NoError(t, err)
	require.Zero(t, n)
	requireAll(ring(t, newKey))
	_, err = tenants.NewRegistry(f.Pool, ring(t, oldKey)).Credential(ctx, db.ID, tenants.RoleApp)
	require.ErrorIs(t, err, tenants.ErrNoKey)
}

// A sealed password in the wrong row would log one tenant in as another.
func TestSealedPasswordIsBoundToItsRow(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	node, err := f.Registry.PutNode(ctx, tenants.NodeRow{Name: "n1", URL: "postgres://127.0.0.1:1/postgres", MaxConnections: 10})
	require.NoError(t, err)
	var list []tenants.Database
	for range 2 {
		var db tenants.Database
		require.NoError(t, f.Pool.QueryRow(ctx, `INSERT INTO tenantry.databases (node_id, release_id) SELECT $1, id FROM tenantry.releases RETURNING id, name`, node.ID).
			Scan(&db.ID, &db.Name))
		_, err := f.Registry.EnsureCredentials(ctx, db, "", running(t, f, "op_"+db.ID))
		require.NoError(t, err)
		list = append(list, db)
	}
	_, err = f.Pool.Exec(ctx, `UPDATE tenantry.credentials t SET sealed = s.sealed FROM tenantry.credentials s
		WHERE t.database_id = $1 AND s.database_id = $2 AND s.role = t.role`, list[0].ID, list[1].ID)
	require.NoError(t, err)
	_, err = f.Registry.Credential(ctx, list[0].ID, tenants.RoleApp)
	require.ErrorContains(t, err, "sealed for something else")
	_, err = f.Registry.Credential(ctx, list[1].ID, tenants.RoleApp)
	require.NoError(t, err)
}

// Asking again after a crash gives the same passwords; a rotation replaces them once, however often it runs.
func TestCredentialsAreMadeOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	node, err := f.Registry.PutNode(ctx, tenants.NodeRow{Name: "n1", URL: "postgres://127.0.0.1:1/postgres", MaxConnections: 10})
	require.NoError(t, err)
	var db tenants.Database
	require.NoError(t, f.Pool.QueryRow(ctx, `INSERT INTO tenantry.databases (node_id, release_id) SELECT $1, id FROM tenantry.releases RETURNING id, name`, node.ID).
		Scan(&db.ID, &db.Name))
	by := running(t, f, "op_0")
	ensure := func(renewal string) []tenants.Credential {
		list, err := f.Registry.EnsureCredentials(ctx, db, renewal, by)
		require.NoError(t, err)
		return list
	}
	first := ensure("")
	require.ElementsMatch(t, first, ensure(""))
	second := ensure("op_1")
	require.NotContains(t, second, first[0])
	require.ElementsMatch(t, second, ensure("op_1"))
	require.ElementsMatch(t, second, ensure(""), "a build that runs again keeps what a rotation made")
	third := ensure("op_2")
	require.NotContains(t, third, second[0])
	require.ElementsMatch(t, third, ensure("op_2"))

	_, err = f.Registry.EnsureCredentials(ctx, db, "op_3", tenants.Attempt{OperationID: by.OperationID, Number: by.Number - 1})
	require.ErrorIs(t, err, tenants.ErrNotCurrent, "an older attempt")
	_, err = f.Pool.Exec(ctx, `UPDATE tenantry.operations SET state = 'succeeded', finished_at = now() WHERE id = $1`, by.OperationID)
	require.NoError(t, err)
	_, err = f.Registry.EnsureCredentials(ctx, db, "op_3", by)
	require.ErrorIs(t, err, tenants.ErrNotCurrent, "one whose operation has ended")
	for _, c := range third {
		got, err := f.Registry.Credential(ctx, db.ID, c.Role)
		require.NoError(t, err)
		require.Equal(t, c, got)
	}
}

// running makes an operation that is under way, in its second attempt.
func running(t *testing.T, f *fleettest.Fleet, id string) tenants.Attempt {
	t.Helper()
	_, err := f.Pool.Exec(t.Context(), `INSERT INTO tenantry.operations (id, kind, args, idempotency_key, state, attempt) VALUES ($1, 'noop', '{}', $1, 'running', 2)`, id)
	require.NoError(t, err)
	return tenants.Attempt{OperationID: id, Number: 2}
}
