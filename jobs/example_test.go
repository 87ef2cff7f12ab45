package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/jobs"
)

// A sign-up: the API's own row and the tenant in one transaction. TENANTRY_API_URL comes from tenantry control api-url.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("TENANTRY_API_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	client := jobs.New(pool)

	var made jobs.Created
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// … INSERT INTO your own tables here …
		made, err = client.CreateTenantTx(ctx, tx, jobs.Provision{Slug: "acme", Labels: map[string]string{"plan": "pro"}},
			&jobs.Options{IdempotencyKey: "signup/4711", RequestedBy: "alice@example.com"})
		return err
	})
	if refused, ok := errors.AsType[*jobs.Error](err); ok {
		fmt.Println("refused:", refused.Field, refused.Message, refused.Fix)
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	// With a warm database the tenant is active already; else a worker is making it.
	operation, err := client.Wait(ctx, made.OperationID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(made.TenantID, operation.State)
}
