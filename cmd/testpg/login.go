package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// quickIterations are those of the superuser's password in throwaway clusters. The default, 4096, costs a program with the race detector ten milliseconds at every login, and
// tests log in by the thousand.
const quickIterations = 16

// quickLogin gives a cluster's superuser the same password again, so that it is as much a secret and quicker to show.
func quickLogin(ctx context.Context, superuser string) error {
	u, err := url.Parse(superuser)
	if err != nil {
		return fmt.Errorf("read URL: %w", err)
	}
	password, _ := u.User.Password()
	verifier, err := tenants.VerifierWith(password, quickIterations)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, superuser)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is at stake on this connection
	if _, err := conn.Exec(ctx, "ALTER ROLE CURRENT_USER PASSWORD "+tenants.Literal(verifier)); err != nil {
		return fmt.Errorf("set the superuser's password: %w", err)
	}
	return nil
}
