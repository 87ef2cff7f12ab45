package apply

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
)

// The errors of this package have the fate of what they wrap; its own are permanent.
func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &StatementError{SQLState: code, Err: &pgconn.PgError{Code: code}} }
	tests := map[gentle.Class][]error{
		gentle.Transient: {state("40P01"), state("57P01"), state("08006"), state("53300"), &StatementError{Err: io.ErrUnexpectedEOF}},
		gentle.Blocked:   {state("55P03"), &gentle.BlockedError{Err: state("55P03")}, &StatementError{Err: &gentle.BlockedError{Err: errors.New("built")}}},
		gentle.Permanent: {state("42P01"), state("23505"), state("57014"), &DivergedError{}, &UnresolvedError{}},
	}
	for want, errs := range tests {
		for _, err := range errs {
			require.Equal(t, want, gentle.Classify(err), "%v", err)
			require.Equal(t, want, gentle.Classify(fmt.Errorf("wrapped: %w", err)), "%v", err)
		}
	}
}
