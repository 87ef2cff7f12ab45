package workers

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

// Every point of apply is one of the crash suite's.
var _ = func() []*crashpoint.Point {
	var points []*crashpoint.Point
	for _, name := range apply.Points() {
		points = append(points, crashpoint.New(name))
	}
	return points
}()

// schema brings databases to releases. Published releases never change, so each is read once per process.
type schema struct {
	pool     *pgxpool.Pool
	building chan struct{} // held while what a release makes is built to be looked at

	mu       sync.Mutex
	releases map[string]*release.Release
	targets  map[string]target
	expected map[string]fingerprint.Schema // by hash
}

// target is a release with its place in the order of publishing.
type target struct {
	ID, Name string
	Seq      int64
}

var _ provision.Schema = (*schema)(nil)

func newSchema(pool *pgxpool.Pool) *schema {
	return &schema{pool: pool, building: make(chan struct{}, 1), releases: map[string]*release.Release{}, targets: map[string]target{}, expected: map[string]fingerprint.Schema{}}
}

// target finds a release by its name; "" is the one that new tenants get, which is asked for every time.
func (s *schema) target(ctx context.Context, name string) (target, error) {
	s.mu.Lock()
	to, found := s.targets[name]
	s.mu.Unlock()
	if found {
		return to, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := s.pool.QueryRow(ctx, `
		SELECT id, name, seq FROM tenantry.releases WHERE name = coalesce(nullif($1, ''), tenantry.setting('current_release'))`, name).Scan(&to.ID, &to.Name, &to.Seq)
	if err != nil {
		return to, fmt.Errorf("read target release: %w", err)
	}
	if name != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.targets[name] = to
	}
	return to, nil
}

func (s *schema) release(ctx context.Context, id string) (*release.Release, error) {
	s.mu.Lock()
	rel := s.releases[id]
	s.mu.Unlock()
	if rel != nil {
		return rel, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rel, err := release.Load(ctx, s.pool, id)
	if err != nil {
		return nil, fmt.Errorf("load release: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releases[id] = rel
	return rel, nil
}

// Statements is how many statements a release has.
func (s *schema) Statements(ctx context.Context, releaseID string) (int, error) {
	rel, err := s.release(ctx, releaseID)
	if err != nil {
		return 0, err
	}
	return rel.StatementCount(), nil
}

// Apply brings a connection's database to a release.
func (s *schema) Apply(ctx context.Context, conn *pgx.Conn, releaseID, owner string, r provision.Run) error {
	_, err := s.apply(ctx, conn, releaseID, owner, r, nil)
	return err
}

func (s *schema) apply(ctx context.Context, conn *pgx.Conn, releaseID, owner string, r provision.Run, progress func(done, total int64, what string)) (apply.Result, error) {
	rel, err := s.release(ctx, releaseID)
	if err != nil {
		return apply.Result{}, err
	}
	opts := apply.Options{
		Dedicated:   true,
		Fence:       r.Current,
		OwnerRole:   owner,
		OperationID: r.OperationID(),
		Crash:       func(point string) { crashpoint.HitNamed(ctx, point) },
	}
	if progress != nil {
		opts.Progress = func(done, total int, what string) { progress(int64(done), int64(total), what) }
	}
	return apply.Apply(ctx, conn, rel, opts)
}
