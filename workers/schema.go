package workers

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/migrations/apply"
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
	pool *pgxpool.Pool

	mu       sync.Mutex
	releases map[string]*release.Release
}

var _ provision.Schema = (*schema)(nil)

func newSchema(pool *pgxpool.Pool) *schema {
	return &schema{pool: pool, releases: map[string]*release.Release{}}
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

func (s *schema) apply(ctx context.Context, conn *pgx.Conn, releaseID, owner string, r provision.Run, progress func(done, total int, what string)) (apply.Result, error) {
	rel, err := s.release(ctx, releaseID)
	if err != nil {
		return apply.Result{}, err
	}
	return apply.Apply(ctx, conn, rel, apply.Options{
		OwnerRole:   owner,
		OperationID: r.OperationID(),
		Progress:    progress,
		Crash:       func(point string) { crashpoint.HitNamed(ctx, point) },
	})
}
