package workers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/migrations/lint"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
)

// RiskError says that a release was not published because of what the linter found in it.
type RiskError struct {
	// Release is the name it would have got.
	Release string
	// Report is all that was found.
	Report *lint.Report
}

// Error counts the errors and says the ways out.
func (e *RiskError) Error() string {
	return fmt.Sprintf("release %s is not published: errors that the linter finds in what it adds: %d; write it otherwise, "+
		"allow a finding with a comment before its statement, or accept them all with a reason", e.Release, e.Report.Count(lint.Error))
}

// PublishLinted is PublishRead with the linter as its gate: it lints what the release adds to the newest published one, and with
// errors it publishes nothing ([*RiskError]) unless acceptRisk, the reason of whoever takes the risk, is not "". The reason is then
// kept with the release. The first release of a fleet is linted as one for empty databases, which cannot be blocked. The report is nil for a release that
// was published before, unchanged.
func PublishLinted(
	ctx context.Context, pool *pgxpool.Pool, rel *release.Release, name, by string, makeCurrent Currency, acceptRisk string,
) (release.Published, *lint.Report, error) {
	sizes, err := tenants.NewRegistry(pool, nil).LargestTables(ctx)
	if err != nil {
		return release.Published{}, nil, err
	}
	var published release.Published
	var report *lint.Report
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var err error
		if published, err = publishTx(ctx, tx, rel, name, by, makeCurrent); err != nil || published.AlreadyPublished {
			return err
		}
		// From here on nobody else publishes, so the release before stays the one before.
		report, err = lintPublished(ctx, tx, published, rel, sizes)
		if err != nil || report.Count(lint.Error) == 0 {
			return err
		}
		if strings.TrimSpace(acceptRisk) == "" {
			return &RiskError{Release: name, Report: report}
		}
		return recordRisk(ctx, tx, published, report, acceptRisk, by)
	})
	if err != nil {
		return published, report, fmt.Errorf("publish: %w", err)
	}
	return published, report, nil
}

// lintPublished lints what a release that was just published adds to the one before.
func lintPublished(ctx context.Context, tx pgx.Tx, published release.Published, rel *release.Release, sizes []tenants.LargestTable) (*lint.Report, error) {
	before, err := release.LoadBefore(ctx, tx, published.ID)
	if err != nil {
		return nil, err
	}
	return lint.Release(before, rel, sizes)
}

func recordRisk(ctx context.Context, tx pgx.Tx, published release.Published, report *lint.Report, reason, by string) error {
	findings, err := json.Marshal(report.Only(lint.Error).Statements)
	if err != nil {
		return fmt.Errorf("encode findings: %w", err)
	}
	return release.RecordRisk(ctx, tx, release.Risk{
		ReleaseID: published.ID, Reason: strings.TrimSpace(reason), AcceptedBy: by, Errors: report.Count(lint.Error), Findings: findings,
	})
}
