package poolcache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avenit/tenantry/tenants/poolcache/poolbench"
)

// fleetSize is how many tenant databases the tests share.
const fleetSize = 60

func TestMain(m *testing.M) { goleak.VerifyTestMain(run{m}) }

// run drops the shared fleet before goroutines are counted.
type run struct{ m *testing.M }

func (r run) Run() int {
	code := r.m.Run()
	for _, f := range made.all() {
		if err := f.Drop(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "drop fleet:", err)
			code = max(code, 1)
		}
	}
	return code
}

// fleets are made at first use and dropped after the last test. Each is exclusive to one size.
type fleets struct {
	mu     sync.Mutex
	bySize map[int]*poolbench.Fleet
}

var made fleets

func (fs *fleets) get(ctx context.Context, size int) (*poolbench.Fleet, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.bySize[size]; f != nil {
		return f, nil
	}
	url, err := databaseURL()
	if err != nil {
		return nil, err
	}
	f, err := poolbench.Create(ctx, url, size)
	if err != nil {
		return nil, err
	}
	if fs.bySize == nil {
		fs.bySize = map[int]*poolbench.Fleet{}
	}
	fs.bySize[size] = f
	return f, nil
}

func (fs *fleets) all() []*poolbench.Fleet {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var all []*poolbench.Fleet
	for _, f := range fs.bySize {
		all = append(all, f)
	}
	return all
}

func databaseURL() (string, error) {
	url := os.Getenv("TEST_DATABASE_URL")
	if url == "" {
		return "", errors.New("TEST_DATABASE_URL must be the URL of a PostgreSQL superuser; databases are created there")
	}
	return url, nil
}

// databases returns the names of n of the shared databases.
func databases(tb testing.TB, n int) []string {
	tb.Helper()
	f, err := made.get(context.Background(), fleetSize)
	require.NoError(tb, err)
	require.LessOrEqual(tb, n, fleetSize)
	return f.Databases[:n]
}

// newUser makes a role for one test alone, so that its connections can be told from those of others.
func newUser(tb testing.TB) *poolbench.Fleet {
	tb.Helper()
	url, err := databaseURL()
	require.NoError(tb, err)
	u, err := poolbench.Create(context.Background(), url, 0)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, u.Drop(context.Background())) })
	return u
}

// within returns a context that is longer than anything should take.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(10 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-timeout:
			require.Fail(tb, "waited in vain until "+what)
		}
	}
}

// noSessions waits until none of u's connections is left on the server.
func noSessions(tb testing.TB, u *poolbench.Fleet) {
	tb.Helper()
	eventually(tb, "no session is left", func() bool { return sessions(tb, u) == 0 })
}

func sessions(tb testing.TB, u *poolbench.Fleet, databases ...string) int {
	tb.Helper()
	n, err := u.Connections(context.Background(), databases...)
	require.NoError(tb, err)
	return n
}

// active returns how many of b's sessions run a query.
func active(tb testing.TB, b *bundle) int {
	tb.Helper()
	admin, err := pgx.Connect(within(tb), mustURL(tb))
	require.NoError(tb, err)
	defer admin.Close(context.Background())
	var n int
	err = admin.QueryRow(within(tb),
		"SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND state = 'active'", b.user.Role).Scan(&n)
	require.NoError(tb, err)
	return n
}

func mustURL(tb testing.TB) string {
	tb.Helper()
	url, err := databaseURL()
	require.NoError(tb, err)
	return url
}
