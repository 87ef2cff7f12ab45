package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
)

// The SaaS's own API asks all tenants of a plan, and adds up what comes.
func ExampleQuery() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("TENANTRY_CONTROL_URL"))
	if err != nil {
		log.Panic(err)
	}
	defer pool.Close()
	keys, err := tenants.ParseKeys(os.Getenv("TENANTRY_SECRET_KEY"))
	if err != nil {
		log.Panic(err)
	}
	total := fanout.NewTally(fanout.Sum, "count")
	report, err := fanout.Query(ctx, tenants.NewRegistry(pool, keys), fanout.Request{
		SQL:    "SELECT count(*) FROM invoices WHERE issued_at >= current_date",
		Labels: map[string]string{"plan": "pro"},
		Ended:  total.Ended, // a tenant that breaks off does not count
	}, total.Take)
	var refused *fanout.StatementError
	switch {
	case errors.As(err, &refused):
		log.Panic("not a query: ", refused.Message)
	case err != nil:
		log.Panic(err)
	}
	sum, _ := total.Value()
	fmt.Println(sum, "invoices today")
	fmt.Println(report.Coverage())
}

// A text can be looked at before it is stored.
func ExampleCheckStatement() {
	fmt.Println(fanout.CheckStatement("SELECT count(*) FROM invoices"))
	fmt.Println(fanout.CheckStatement("DELETE FROM invoices"))
	// Output:
	// <nil>
	// the query is refused: it begins with DELETE, and only SELECT, WITH, VALUES, TABLE, SHOW and EXPLAIN read
}
