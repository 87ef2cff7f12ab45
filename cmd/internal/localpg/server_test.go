package localpg

import (
	"context"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// TestServer walks one cluster through an ordinary life; making a cluster is the slow part.
func TestServer(t *testing.T) {
	t.Parallel()
	dir := clusterDir(t)
	s := start(t, dir, func(c *Config) { c.Settings = map[string]string{"work_mem": "5MB"} })
	at := s.URL("postgres")

	require.Equal(t, "300", query(t, at, "SHOW max_connections"))
	require.Equal(t, "250ms", query(t, at, "SHOW client_connection_check_interval"))
	require.Equal(t, "logical", query(t, at, "SHOW wal_level"))
	require.Equal(t, "off", query(t, at, "SHOW fsync"))
	require.Equal(t, "5MB", query(t, at, "SHOW work_mem"))
	require.Equal(t, "C.UTF-8 UTF8 UTC", query(t, at, `
		SELECT datcollate || ' ' || pg_encoding_to_char(encoding) || ' ' || current_setting('TimeZone')
		FROM pg_database
		WHERE datname = 'postgres'`))
	require.Equal(t, "127.0.0.1 ", query(t, at, "SELECT current_setting('listen_addresses') || ' ' || current_setting('unix_socket_directories')"))

	t.Run("every connection gives a password", func(t *testing.T) {
		require.Equal(t, "scram-sha-256", query(t, at, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"))
		for _, user := range []*url.Userinfo{url.User(Superuser), url.UserPassword(Superuser, "wrong")} {
			wrong, err := url.Parse(at)
			require.NoError(t, err)
			wrong.User = user
			_, err = pgx.Connect(t.Context(), wrong.String())
			require.Error(t, err)
			if _, given := user.Password(); given {
				var refused *pgconn.PgError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, pgerrcode.InvalidPassword, refused.Code)
			}
		}
		info, err := os.Stat(s.place.passwordFile())
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	})

	query(t, at, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)")
	count := func(t *testing.T) string {
		t.Helper()
		return query(t, at, "SELECT count(*) FROM kept")
	}

	t.Run("has one owner", func(t *testing.T) {
		_, err := Start(t.Context(), Config{Dir: dir})
		require.ErrorIs(t, err, ErrInUse)
		require.ErrorIs(t, Remove(t.Context(), dir), ErrInUse)
		require.Equal(t, "1", count(t))
	})

	t.Run("restarts with its data", func(t *testing.T) {
		require.NoError(t, s.Restart(t.Context()))
		require.Equal(t, "1", count(t))
	})

	t.Run("comes back after a crash", func(t *testing.T) {
		require.NoError(t, s.Kill(t.Context()))
		require.NoError(t, s.Kill(t.Context()), "twice")
		require.NoError(t, s.Restart(t.Context()))
		require.Equal(t, "1", count(t))
		require.NoError(t, s.Err())
		requireOpen(t, s.Done())
	})

	t.Run("tells when it ends by itself", func(t *testing.T) {
		require.NoError(t, syscall.Kill(s.run.pid, syscall.SIGKILL))
		requireClosed(t, s.Done())
		require.ErrorContains(t, s.Err(), "signal: killed")
		require.NoError(t, s.Restart(t.Context()))
		requireOpen(t, s.Done())
		require.NoError(t, s.Err())
		require.Equal(t, "1", count(t))
	})

	t.Run("stops twice", func(t *testing.T) {
		stop(t, s, Fast)
		requireOpen(t, s.Done())
		stop(t, s, Fast)
		stop(t, s, Immediate)
	})

	t.Run("starts again at the same place", func(t *testing.T) {
		again := start(t, dir)
		require.Equal(t, at, again.URL("postgres"))
		require.Equal(t, "1", count(t))
		stop(t, s, Immediate) // a former owner has no say
		require.NoError(t, s.Kill(t.Context()))
		require.ErrorIs(t, s.Restart(t.Context()), ErrInUse)
		require.Equal(t, "1", count(t))
		stop(t, again, Fast)
	})

	t.Run("a cancelled stop is an immediate one", func(t *testing.T) {
		again := start(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, again.Stop(ctx, Fast), context.Canceled)
		left, err := processesOf(again.DataDir())
		require.NoError(t, err)
		require.Empty(t, left)
	})

	t.Run("a start error shows the server's log", func(t *testing.T) {
		_, err := Start(t.Context(), Config{Dir: dir, Settings: map[string]string{"shared_buffers": "much"}})
		require.ErrorContains(t, err, `invalid value for parameter "shared_buffers": "much"`)
	})

	t.Run("a cancelled start leaves nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Start(ctx, Config{Dir: dir})
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("a lost password is not replaced", func(t *testing.T) {
		require.NoError(t, os.Rename(s.place.passwordFile(), s.place.passwordFile()+".bak"))
		_, err := Start(t.Context(), Config{Dir: dir})
		require.ErrorContains(t, err, "begin anew")
		require.NoError(t, os.WriteFile(s.place.passwordFile(), []byte("wrong\n"), 0o600))
		_, err = Start(t.Context(), Config{Dir: dir})
		require.ErrorContains(t, err, "log in with the password")
		require.NoError(t, os.Rename(s.place.passwordFile()+".bak", s.place.passwordFile()))
	})

	t.Run("an odd data directory is not redone", func(t *testing.T) {
		version := s.DataDir() + "/PG_VERSION"
		require.NoError(t, os.Rename(version, version+".bak"))
		_, err := Start(t.Context(), Config{Dir: dir})
		require.ErrorContains(t, err, "no data directory of PostgreSQL")
		require.NoError(t, os.Rename(version+".bak", version))
	})

	t.Run("the port is another program's", func(t *testing.T) {
		var config net.ListenConfig
		squatter, err := config.Listen(t.Context(), "tcp4", net.JoinHostPort(loopback, strconv.Itoa(s.Port())))
		require.NoError(t, err)
		defer squatter.Close()
		_, err = Start(t.Context(), Config{Dir: dir, Port: s.Port()})
		require.ErrorIs(t, err, errPortTaken, "a configured port is an order")
		moved := start(t, dir)
		require.NotEqual(t, s.Port(), moved.Port(), "a remembered one is a wish")
		require.Equal(t, "1", query(t, moved.URL("postgres"), "SELECT count(*) FROM kept"))
		stop(t, moved, Fast)
	})

	t.Run("a process id that was given away", func(t *testing.T) {
		stale := strconv.Itoa(os.Getpid()) + "\n" + s.DataDir() + "\n"
		require.NoError(t, os.WriteFile(s.DataDir()+"/postmaster.pid", []byte(stale), 0o600))
		stop(t, start(t, dir), Fast)
	})

	t.Run("root copied the data", func(t *testing.T) {
		requireRoot(t)
		require.NoError(t, account{cred: &syscall.Credential{}}.ownTree(s.DataDir()))
		again := start(t, dir)
		require.Equal(t, "1", query(t, again.URL("postgres"), "SELECT count(*) FROM kept"))
		stop(t, again, Fast)
	})
}

func TestIsPortTaken(t *testing.T) {
	t.Parallel()
	require.True(t, isPortTaken([]byte(`LOG:  could not bind IPv4 address "127.0.0.1": Address already in use`)))
	require.False(t, isPortTaken([]byte(`FATAL:  could not create any TCP/IP sockets`)))
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/log"
	require.NoError(t, os.WriteFile(path, []byte("before\n"+strings.Repeat("x\n", tailBytes)+"the end\n"), 0o600))
	tail := indentTail(readTail(path, 7))
	require.True(t, strings.HasSuffix(tail, "\n\tthe end"))
	require.Equal(t, tailLines, strings.Count(tail, "\n"))
	require.Empty(t, indentTail(readTail(path+"-missing", 0)))
}

func requireClosed(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		require.Fail(t, "Done is not closed")
	}
}

func requireOpen(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
		require.Fail(t, "Done is closed")
	default:
	}
}
