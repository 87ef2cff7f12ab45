package execute

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// state is what a tenant's database says before anything is done.
type state struct {
	// exists: there is a registry.
	exists   bool
	foreign  string // schemas of our names that are not ours
	registry *ddl.Registry
	facts    ddl.Facts
	change   changeRow
}

// changeRow is how far the change of an operation is; number is 0 when it has not begun.
type changeRow struct {
	number  int64
	state   string
	step    int
	lastKey int64
	rows    int64
	plan    *ddl.Plan
	err     string
	forms   json.RawMessage
}

// The states of a change.
const (
	stateApplying = "applying"
	stateDone     = "done"
	stateUndoing  = "undoing"
	stateUndone   = "undone"
)

// scope is what is read of a registry: the keys of the forms that matter, and of those that are made anew.
type scope struct{ forms, rebuilt []string }

func scopeOf(change ddl.Change) scope { return scope{change.Forms(), change.Rebuilt()} }

// look is everything that is read, in one round trip; what a database without a registry refuses is not needed then.
func look(of scope, operationID string) []gentle.Command {
	return []gentle.Command{
		{SQL: standSQL, Keep: true, Plan: true, Cut: true},
		{SQL: registrySQL, Args: []string{gentle.TextArray(of.forms)}, Keep: true, Plan: true, Cut: true},
		{SQL: factsSQL, Args: []string{gentle.TextArray(of.forms), gentle.TextArray(of.rebuilt)}, Keep: true, Plan: true, Cut: true},
		{SQL: changeSQL, Args: []string{operationID}, Keep: true, Plan: true, Cut: true},
	}
}

func parse(replies []gentle.Reply) (state, error) {
	s := state{registry: &ddl.Registry{Next: 1}}
	if err := replies[0].Err; err != nil {
		return s, fmt.Errorf("look for the registry of forms: %w", err)
	}
	s.exists, s.foreign = replies[0].Text(0) == "t", replies[0].Text(1)
	var err error
	if s.facts.Now, err = parseTime([]byte(replies[0].Text(2))); err != nil {
		return s, fmt.Errorf("read the database's clock: %w", err)
	}
	if !s.exists {
		return s, nil
	}
	for _, r := range replies[1:] {
		if r.Err != nil {
			return s, fmt.Errorf("read the registry of forms: %w", r.Err)
		}
	}
	if s.registry, err = parseRegistry(replies[1].Rows); err != nil {
		return s, fmt.Errorf("read the registry of forms: %w", err)
	}
	if err := parseFacts(replies[2].Rows, &s.facts); err != nil {
		return s, fmt.Errorf("read the catalog: %w", err)
	}
	return s, s.change.parse(replies[3])
}

func (c *changeRow) parse(r gentle.Reply) error {
	if len(r.Rows) == 0 {
		return nil
	}
	number := func(column int) int64 {
		n, _ := strconv.ParseInt(r.Text(column), 10, 64)
		return n
	}
	c.number, c.state, c.step, c.lastKey, c.rows = number(0), r.Text(1), int(number(2)), number(3), number(4)
	c.err, c.forms = r.Text(6), json.RawMessage(r.Text(7))
	if plan := r.Text(5); plan != "" {
		c.plan = new(ddl.Plan)
		if err := json.Unmarshal([]byte(plan), c.plan); err != nil {
			return fmt.Errorf("read the plan of change %d: %w", c.number, err)
		}
	}
	return nil
}

// foreignErr refuses a database that has schemas of our names and no registry.
func (s state) foreignErr() error {
	if s.exists || s.foreign == "" {
		return nil
	}
	return ddl.Problems{{
		Message: "the database has a schema " + s.foreign + " that is not ours",
		Fix:     "rename it: forms keep their tables and views in schemas of these names",
	}}
}

// allForms names all of them to registrySQL.
const allForms = "*"

// Read reads the registry of a tenant's forms; one without forms has the zero Registry. It takes no lock and changes nothing.
// The connection's role must be allowed to read it, as the application's and the read-only one are.
func Read(ctx context.Context, conn *pgx.Conn) (*ddl.Registry, error) {
	s, err := read(ctx, conn, scope{forms: []string{allForms}}, "")
	if err != nil {
		return nil, err
	}
	return s.registry, nil
}

func read(ctx context.Context, conn *pgx.Conn, of scope, operationID string) (state, error) {
	commands := look(of, operationID)
	if operationID == "" {
		commands = commands[:3]
	}
	replies, err := gentle.Exchange(ctx, conn, commands)
	if err != nil {
		return state{}, fmt.Errorf("read forms: %w", err)
	}
	if operationID == "" {
		replies = append(replies, gentle.Reply{})
	}
	return parse(replies)
}
