package execute_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle/gentletest"
)

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// sqlState is the server's code of an error. From PostgreSQL 18 on ON DELETE RESTRICT has one of its own.
func sqlState(err error) string {
	pg, is := errors.AsType[*pgconn.PgError](err)
	switch {
	case !is:
		return ""
	case pg.Code == pgerrcode.RestrictViolation:
		return foreignKey
	default:
		return pg.Code
	}
}

// journal is what the server has told the application that it has: what must be there afterwards.
type journal struct {
	mu   sync.Mutex
	rows map[int64]*written
}

// written is a row as the application has written it last.
type written struct {
	// of is the number of a good row that it was inserted as, 0 for one of the content.
	of     int
	values map[string]*string
}

func (j *journal) write(id int64, of int, values map[string]*string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	w := j.rows[id]
	if w == nil {
		w = &written{of: of, values: map[string]*string{}}
		j.rows[id] = w
	}
	maps.Copy(w.values, values)
}

// failure is a query that failed.
type failure struct {
	err   error
	state string
	rude  bool
}

// traffic is what the application does meanwhile, knowing the form as it was.
type traffic struct {
	clients []*gentletest.Client
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	failed []failure
}

const (
	// The numbers of the first of the good rows that are inserted meanwhile, that have something bad, whose values other rows get, and that
	// are inserted afterwards. All have six digits.
	goodRows    = 200_000
	rudeRows    = 300_000
	goodUpdates = 400_000
	goodTries   = 500_000
)

func (c *cell) startTraffic(t *testing.T) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	traffic := &traffic{cancel: cancel}
	form := c.before.Form("p")
	known := storedFields(form)
	client := func(name, role string, perSecond int, isRude bool, ask func(ctx context.Context, conn *pgx.Conn, n int) error) {
		conn := dial(t, c.tn.config(t, role))
		run(t, conn, "SET timezone = 'UTC'")
		traffic.clients = append(traffic.clients, gentletest.NewClient(name, perSecond, func(ctx context.Context, n int) error {
			err := ask(ctx, conn, n)
			if sqlState(err) == pgerrcode.FeatureNotSupported { // cached plan must not change result type: docs/forms.md says to run it again
				err = ask(ctx, conn, n)
			}
			if err != nil {
				traffic.mu.Lock()
				traffic.failed = append(traffic.failed, failure{fmt.Errorf("%s: %w", name, err), sqlState(err), isRude})
				traffic.mu.Unlock()
			}
			return err
		}))
	}
	inserter := func(from int, instead map[string]*string) func(ctx context.Context, conn *pgx.Conn, n int) error {
		insert, places := insertStatement(form, known)
		return func(ctx context.Context, conn *pgx.Conn, n int) error {
			good := goodRow(from + n)
			args, values := make([]any, len(places)), map[string]*string{}
			for i, key := range places {
				values[key] = good(key)
				if value, given := instead[key]; given {
					values[key] = value
				}
				args[i] = values[key]
			}
			var id int64
			if err := conn.QueryRow(ctx, insert, args...).Scan(&id); err != nil {
				return err
			}
			c.seen.write(id, from+n, values)
			return nil
		}
	}
	client("insert", c.tn.app, 100, false, inserter(goodRows, nil))
	client("update", c.tn.app, 100, false, c.updater(form))
	client("read", c.tn.app, 50, false, c.reader(form, known))
	client("read the view", c.tn.readOnly, 50, false, func(ctx context.Context, conn *pgx.Conn, n int) error {
		rows, err := conn.Query(ctx, fmt.Sprintf("SELECT * FROM form_views.%s WHERE id = %d", pgx.Identifier{form.View}.Sanitize(), 1+n), pgx.QueryExecModeExec)
		if err != nil {
			return err
		}
		rows.Close()
		return rows.Err()
	})
	if c.traffic == rude {
		client("rude insert", c.tn.app, 50, true, inserter(rudeRows, c.bad))
	}
	for _, client := range traffic.clients {
		traffic.running.Go(func() { client.Run(ctx) })
	}
	for _, client := range traffic.clients {
		client.CaughtUp(time.Now().Add(30 * time.Millisecond))
	}
	return traffic
}

// updater gives rows of the content a note, and a good value in the field that the change is about.
func (c *cell) updater(form *ddl.Form) func(ctx context.Context, conn *pgx.Conn, n int) error {
	keys := []string{"note"}
	if field := form.Field(c.field); field != nil && field.Dropped == nil && c.field != "note" && field.Column != "" && field.Spec.Type != ddl.ManyToMany {
		keys = append(keys, c.field)
	}
	ids := c.on.ids()
	return func(ctx context.Context, conn *pgx.Conn, n int) error {
		if len(ids) == 0 {
			return nil
		}
		id := ids[n*7919%len(ids)]
		good := goodRow(goodUpdates + n)
		values := map[string]*string{}
		sets, args := make([]string, 0, 2), []any{id}
		for _, key := range keys {
			if key == c.field && c.inTheWay != nil && c.inTheWay(c.on.row(id)) {
				continue // or the change would be made after all
			}
			if key == c.field && c.alike != nil {
				continue
			}
			values[key] = good(key)
			args = append(args, values[key])
			sets = append(sets, fmt.Sprintf("%s = $%d::text::%s", form.Field(key).Column, len(args), form.Field(key).Spec.ColumnType()))
		}
		tag, err := conn.Exec(ctx, fmt.Sprintf("UPDATE form_data.%s SET %s WHERE id = $1", form.Table, strings.Join(sets, ", ")), args...)
		if err != nil {
			return err
		}
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("row %d is gone", id)
		}
		c.seen.write(int64(id), 0, values)
		return nil
	}
}

// reader reads rows with the columns that the application knows.
func (c *cell) reader(form *ddl.Form, known []*ddl.Field) func(ctx context.Context, conn *pgx.Conn, n int) error {
	columns := make([]string, len(known))
	for i, field := range known {
		columns[i] = field.Column
	}
	query := fmt.Sprintf("SELECT %s FROM form_data.%s WHERE id = $1", strings.Join(columns, ", "), form.Table)
	ids := c.on.ids()
	return func(ctx context.Context, conn *pgx.Conn, n int) error {
		id := 1
		if len(ids) > 0 {
			id = ids[n*104729%len(ids)]
		}
		rows, err := conn.Query(ctx, query, id)
		if err != nil {
			return err
		}
		count := 0
		for rows.Next() {
			count++
		}
		if rows.Err() == nil && len(ids) > 0 && count != 1 {
			return fmt.Errorf("row %d is gone", id)
		}
		return rows.Err()
	}
}

// stop lets the clients go on for a moment, and ends them.
func (tr *traffic) stop() {
	for _, client := range tr.clients {
		client.CaughtUp(time.Now().Add(30 * time.Millisecond))
	}
	tr.cancel()
	tr.running.Wait()
}

func (tr *traffic) failures() []failure {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.failed
}

// storedFields are the fields with a column that an application knows.
func storedFields(form *ddl.Form) []*ddl.Field {
	return slices.DeleteFunc(form.Live(), func(f *ddl.Field) bool { return f.Column == "" || f.Spec.Type == ddl.ManyToMany })
}

// insertStatement names all fields; places are their keys in the order of the parameters.
func insertStatement(form *ddl.Form, known []*ddl.Field) (sql string, places []string) {
	columns, values := make([]string, len(known)), make([]string, len(known))
	for i, field := range known {
		columns[i] = field.Column
		values[i] = fmt.Sprintf("$%d::text::%s", i+1, field.Spec.ColumnType())
		places = append(places, field.Key)
	}
	return fmt.Sprintf("INSERT INTO form_data.%s (%s) VALUES (%s) RETURNING id", form.Table, strings.Join(columns, ", "), strings.Join(values, ", ")), places
}
