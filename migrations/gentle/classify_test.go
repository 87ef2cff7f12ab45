package gentle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return fmt.Errorf("statement 1: %w", &pgconn.PgError{Code: code}) }
	tests := map[Class][]error{
		"": {nil},
		Transient: {
			state("40P01"), state("40001"), state("57P01"), state("57P02"), state("57P03"), state("08006"), state("08P01"), state("53300"), state("53100"), state("25P03"),
			context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, &net.OpError{Op: "read", Err: errors.New("reset")},
			fmt.Errorf("commit: %w: %w", ErrOutcomeUnknown, &pgconn.PgError{Code: "42P01"}),
		},
		Blocked: {state("55P03"), &LockedError{}, &BlockedError{Err: errors.New("busy")}, &LockedError{Err: context.Canceled}},
		Permanent: {
			state("42P01"), state("23505"), state("22P02"), state("0A000"), state("54011"), state("57014"), state("28P01"), state("3D000"), state("25006"),
			errors.New("something else"),
		},
	}
	for want, errs := range tests {
		for _, err := range errs {
			require.Equal(t, want, Classify(err), "%v", err)
			if err != nil {
				require.Equal(t, want, Classify(fmt.Errorf("wrapped: %w", err)), "%v", err)
			}
		}
	}
}

func TestSQLState(t *testing.T) {
	t.Parallel()
	require.Equal(t, "42P01", SQLState(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: "42P01"})))
	require.Empty(t, SQLState(io.EOF))
	require.Empty(t, SQLState(nil))
}
