package fanout

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// Request is what to ask of whom. Only SQL must be set.
type Request struct {
	// SQL is one statement that reads. It may name parameters, as in :plan: those of Params, and of the tenant that is asked :tenant_id and :tenant, its slug.
	SQL string
	// Params are the values of parameters, by name. One that SQL does not name is not used.
	Params map[string]Param
	// Slugs are the tenants to ask; none are all active ones. One that is named and not active counts as not answered; one that is not there is
	// an error.
	Slugs []string
	// IDs are as Slugs, by the tenants' ids. Those that are not there are left out.
	IDs []string
	// Labels that tenants must all have.
	Labels map[string]string

	// Timeout bounds one tenant: connecting, the statement, and the time in which its rows are taken. Defaults to 30 seconds.
	Timeout time.Duration
	// LockTimeout bounds the wait for a lock, for example behind a change of the schema. Defaults to 2 seconds, and at most Timeout.
	LockTimeout time.Duration
	// Parallel is how many tenants of a node are asked at a time. It is never more than a quarter of the node's connections. Defaults to
	// twice runtime.GOMAXPROCS.
	Parallel int
	// SearchPath is where names without a schema are looked for, the same on every tenant whatever its own setting. Defaults to public.
	SearchPath string
	// Application is the sessions' application_name. Everybody who may connect to a server can read it. Defaults to tenantry/query.
	Application string
	// MostRow bounds one row, in bytes; a tenant with a longer one fails. Sessions of open pools do not know the bound. Defaults to 16 MiB.
	MostRow int
	// MostRows bounds the rows of one tenant, and MostBytes what their values have together; a tenant that gives more fails. 0 is no bound.
	MostRows, MostBytes int64
	// Columns, when not empty, are those that every tenant must give. Otherwise all must give what the first does.
	Columns []Column

	// Cache, when not nil, lends pools that are open, see the package's documentation, and counts the connections that are opened.
	Cache *poolcache.Cache
	// Ended, when not nil, is called after a tenant's last row, or in place of its rows. Nothing else is called meanwhile, neither
	// the function that takes rows; it must return soon.
	Ended func(Outcome)
	// Begin, when not nil, is called once with the number of tenants, before any is asked.
	Begin func(tenants int)
	// More, when not nil, is asked before each tenant whether there is time for it. Those for which there is none end as Unasked.
	More func() bool

	// unchecked leaves the text to the server alone. For tests, which have each wall hold by itself.
	unchecked bool
}

func (r Request) withDefaults() Request {
	setDefault(&r.Timeout, 30*time.Second)
	setDefault(&r.LockTimeout, min(2*time.Second, r.Timeout))
	setDefault(&r.Parallel, 2*runtime.GOMAXPROCS(0))
	setDefault(&r.SearchPath, "public")
	setDefault(&r.Application, "tenantry/query")
	setDefault(&r.MostRow, 16<<20)
	if r.Ended == nil {
		r.Ended = func(Outcome) {}
	}
	if r.Begin == nil {
		r.Begin = func(int) {}
	}
	if r.More == nil {
		r.More = func() bool { return true }
	}
	return r
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (r Request) validate() error {
	if err := CheckStatement(r.SQL); err != nil && !r.unchecked {
		return err
	}
	var errs []error
	if r.Timeout < time.Millisecond {
		errs = append(errs, fmt.Errorf("timeout: %s is too short; give at least 1ms", r.Timeout))
	}
	if r.LockTimeout < time.Millisecond {
		errs = append(errs, fmt.Errorf("lock timeout: %s is too short; give at least 1ms", r.LockTimeout))
	}
	if r.Parallel < 1 {
		errs = append(errs, fmt.Errorf("parallel: %d tenants at a time is nobody", r.Parallel))
	}
	if r.MostRows < 0 || r.MostBytes < 0 {
		errs = append(errs, fmt.Errorf("most rows and bytes: %d and %d: give 0, for no bound, or more", r.MostRows, r.MostBytes))
	}
	if r.MostRow < 1024 {
		errs = append(errs, fmt.Errorf("longest row: %d bytes is too short; give at least 1024", r.MostRow))
	}
	return errors.Join(errs...)
}

// share is how many sessions of a node there may be at a time: a node's connections are for its tenants first, so never more than a quarter.
func (r Request) share(nodeConnections int) int {
	return min(r.Parallel, max(1, nodeConnections/4))
}
