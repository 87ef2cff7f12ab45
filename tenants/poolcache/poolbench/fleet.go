package poolbench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// inParallel is how many databases are created or dropped at once. More gains nothing: the server copies files.
const inParallel = 2

// Fleet is a number of empty databases and the role that may log in to them. Drop it when done.
type Fleet struct {
	// Role is the name of the role; only the fleet's connections use it.
	Role string
	// Databases are the names of the databases, which serve as tenants' names.
	Databases []string

	admin    *pgxpool.Pool
	url      *url.URL
	password string
}

// Create makes n databases with random names on the server that adminURL, a superuser's postgres:// URL, leads to. What
// was made by then is dropped when it fails.
func Create(ctx context.Context, adminURL string, n int) (*Fleet, error) {
	u, err := url.Parse(adminURL)
	if err != nil {
		return nil, errors.New("create fleet: the server's URL is malformed")
	}
	admin, err := pgxpool.New(ctx, adminURL)
	if err != nil {
		return nil, fmt.Errorf("create fleet: %w", err)
	}
	name := "poolcache_" + strings.ToLower(rand.Text()[:10])
	f := &Fleet{Role: name, admin: admin, url: u, password: rand.Text()}
	for i := range n {
		f.Databases = append(f.Databases, fmt.Sprintf("%s_%03d", name, i))
	}
	if err := f.create(ctx); err != nil {
		return nil, errors.Join(err, f.Drop(context.WithoutCancel(ctx)))
	}
	return f, nil
}

func (f *Fleet) create(ctx context.Context) error {
	if err := f.SetPassword(ctx, f.password); err != nil {
		return err
	}
	return f.each(ctx, func(ctx context.Context, database string) error {
		return f.exec(ctx, "CREATE DATABASE "+quote(database)+" TEMPLATE template0 STRATEGY file_copy")
	})
}

// Drop drops the databases, whoever is connected, and the role.
func (f *Fleet) Drop(ctx context.Context) error {
	defer f.admin.Close()
	return errors.Join(
		f.each(ctx, func(ctx context.Context, database string) error {
			return f.exec(ctx, "DROP DATABASE IF EXISTS "+quote(database)+" WITH (FORCE)")
		}),
		f.exec(ctx, "DROP ROLE IF EXISTS "+quote(f.Role)),
	)
}

// SetPassword changes the role's password on the server, creating the role if need be.
func (f *Fleet) SetPassword(ctx context.Context, password string) error {
	var exists bool
	err := f.admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", f.Role).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for role %s: %w", f.Role, err)
	}
	verb := "ALTER"
	if !exists {
		verb = "CREATE"
	}
	return f.exec(ctx, fmt.Sprintf("%s ROLE %s LOGIN PASSWORD '%s'", verb, quote(f.Role), password))
}

// LimitRole sets the role's CONNECTION LIMIT: the server then refuses what exceeds it. -1 means none.
func (f *Fleet) LimitRole(ctx context.Context, connections int) error {
	return f.exec(ctx, fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d", quote(f.Role), connections))
}

// Password returns the role's password as of Create.
func (f *Fleet) Password() string { return f.password }

// ConnString returns where database is, without the password.
func (f *Fleet) ConnString(database string) string {
	return f.connString(database, url.User(f.Role))
}

// ConnStringWithPassword returns where database is.
func (f *Fleet) ConnStringWithPassword(database string) string {
	return f.connString(database, url.UserPassword(f.Role, f.password))
}

func (f *Fleet) connString(database string, user *url.Userinfo) string {
	u := *f.url
	u.User, u.Path = user, "/"+database
	query := u.Query()
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	return u.String()
}

// Target returns database as a tenant's target on node.
func (f *Fleet) Target(node, database string) poolcache.Target {
	return poolcache.Target{
		Node:       node,
		Epoch:      1,
		ConnString: f.ConnString(database),
		Password:   func(context.Context, string) (string, error) { return f.password, nil },
	}
}

// Connections returns the number of the role's sessions in pg_stat_activity, of all databases or of the given ones.
func (f *Fleet) Connections(ctx context.Context, databases ...string) (int, error) {
	var n int
	err := f.admin.QueryRow(ctx, `
		SELECT count(*)
		FROM pg_stat_activity
		WHERE usename = $1 AND (cardinality($2::text[]) = 0 OR datname = ANY ($2))`,
		f.Role, append([]string{}, databases...)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count sessions of %s: %w", f.Role, err)
	}
	return n, nil
}

// Watch counts the role's sessions every interval until the function it returns is called, which returns the most
// seen at once.
func (f *Fleet) Watch(ctx context.Context, interval time.Duration) (most func() (int, error)) {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	highest := 0
	group.Go(func() error {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			n, err := f.Connections(ctx)
			if ctx.Err() != nil {
				return nil // it was told to stop
			}
			if err != nil {
				return err
			}
			highest = max(highest, n)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return func() (int, error) {
		cancel()
		err := group.Wait()
		return highest, err
	}
}

// each calls do for every database, a few at once, and goes on after errors.
func (f *Fleet) each(ctx context.Context, do func(context.Context, string) error) error {
	errs := make([]error, len(f.Databases))
	var group errgroup.Group
	group.SetLimit(inParallel)
	for i, database := range f.Databases {
		group.Go(func() error {
			errs[i] = do(ctx, database)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return errors.Join(errs...)
}

func (f *Fleet) exec(ctx context.Context, sql string) error {
	if _, err := f.admin.Exec(ctx, sql); err != nil {
		verb, _, _ := strings.Cut(sql, " PASSWORD ")
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
