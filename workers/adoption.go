package workers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/adopt"
	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

// AdoptionReport is what a look at a database that is to be adopted has found.
type AdoptionReport struct {
	Database string `json:"database"`
	Node     string `json:"node"`
	// Tool that has migrated it, by its history table; "" where none was found.
	Tool         string `json:"tool"`
	HistoryTable string `json:"history_table"`
	// Files of the release that are applied, its first ones; LastFile is the last of them.
	Files    int    `json:"files"`
	LastFile string `json:"last_file"`
	// Release at which the tenant will stand. Beyond is how many files are applied that only a later release has.
	Release string `json:"release"`
	Beyond  int    `json:"beyond"`
	// Differences between what the history says and what is there, at most [MostDifferences]; Differing is how many there are.
	Differences []fingerprint.Difference `json:"differences"`
	Differing   int                      `json:"differing"`
	// AcceptedDrift is why it is adopted in spite of them.
	AcceptedDrift string   `json:"accepted_drift,omitempty"`
	Notes         []string `json:"notes"`
	// Refused says why it cannot be adopted, "" when it can; Fix what to do, SQL what somebody with the right to must run first.
	Refused string   `json:"refused"`
	Fix     string   `json:"fix,omitempty"`
	SQL     []string `json:"sql,omitempty"`
}

// MostDifferences is how many differences a report shows.
const MostDifferences = 100

// examined is what a look has found, for taking the database over.
type examined struct {
	report  AdoptionReport
	foreign provision.Foreign
	history adopt.History
	sum     string           // of its schema
	stands  *release.Release // at which it is
	files   []release.File   // that are applied
	stand   adopt.Standing
}

// examination is a look at one database.
type examination struct {
	*toolbox
	run                            *run
	node                           tenants.Node
	source, release, table, accept string
}

// look finds out what adopting would do. It changes nothing. A database that cannot be adopted is in the report; an error is anything else.
func (e examination) look(ctx context.Context) (examined, error) {
	found := examined{report: AdoptionReport{Database: e.source, Node: e.node.Name, AcceptedDrift: e.accept, Notes: []string{}, Differences: []fingerprint.Difference{}}}
	err := e.fill(ctx, &found)
	if refusal, ok := errors.AsType[*tenants.RefusedError](err); ok {
		found.report.Refused, found.report.Fix, found.report.SQL = refusal.Message, refusal.Fix, refusal.SQL
		return found, nil
	}
	return found, err
}

func (e examination) fill(ctx context.Context, found *examined) error {
	var err error
	if err := e.run.Step(ctx, "look", 0, 4); err != nil {
		return err
	}
	found.foreign, err = e.prov.Look(ctx, e.run, e.node, e.source)
	found.report.Notes = append(found.report.Notes, found.foreign.Notes...)
	if err != nil {
		return err
	}
	conn, err := e.admin.ConnectProvisioner(ctx, e.node, e.source, e.run)
	if err != nil {
		return err
	}
	defer closeQuietly(ctx, conn)
	if err := e.readHistory(ctx, conn, found); err != nil {
		return err
	}
	if err := e.run.Step(ctx, "compare", 1, 4); err != nil {
		return err
	}
	return e.compare(ctx, conn, found)
}

// readHistory finds the tool's history and where it is among the releases.
func (e examination) readHistory(ctx context.Context, conn *pgx.Conn, found *examined) error {
	table, err := adopt.Find(ctx, conn, e.table)
	if err != nil {
		return err
	}
	found.report.Tool, found.report.HistoryTable = string(table.Tool), table.Quoted
	if found.history, err = adopt.Read(ctx, conn, table); err != nil {
		return err
	}
	found.report.Notes = append(found.report.Notes, found.history.Notes...)
	releases, err := e.releases(ctx)
	if err != nil {
		return err
	}
	newest, err := e.schema.release(ctx, releases[0].ID)
	if err != nil {
		return err
	}
	n, err := adopt.Match(found.history, newest)
	if err != nil {
		return err
	}
	if found.stand, err = adopt.Stand(releases, n, table); err != nil {
		return err
	}
	if found.stands, err = e.schema.release(ctx, found.stand.Release.ID); err != nil {
		return err
	}
	found.files = newest.Files[:n]
	found.report.Files, found.report.LastFile = n, newest.Files[n-1].Name
	found.report.Release, found.report.Beyond = found.stands.Name, n-len(found.stands.Files)
	return nil
}

// releases are those that the database may be at, the newest first.
func (e examination) releases(ctx context.Context) ([]release.Published, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	list, err := release.List(ctx, e.reg.Pool())
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(p release.Published) bool { return p.Withdrawn != nil })
	for i, p := range list {
		if e.release == "" || p.Name == e.release {
			return list[i:], nil
		}
	}
	return nil, &tenants.RefusedError{Message: "there is no release " + e.release, Fix: "see tenantry release list"}
}

// compare reads the schema that is there and the one that the applied files make.
func (e examination) compare(ctx context.Context, conn *pgx.Conn, found *examined) error {
	got, err := adopt.ReadSchema(ctx, conn, found.history.Table)
	if err != nil {
		return err
	}
	found.sum = got.Sum()
	want, err := e.expected(ctx, conn, found)
	if err != nil {
		return fmt.Errorf("make the schema that the history says: %w", err)
	}
	differences := adopt.Compare(want, got, found.history.Table.Quoted)
	found.report.Differing = len(differences)
	found.report.Differences = differences[:min(len(differences), MostDifferences)]
	if len(differences) > 0 && e.accept == "" {
		return &tenants.RefusedError{
			Message: fmt.Sprintf("the schema of database %s is not what its history says: %d differences, first %s %s is %s",
				e.source, len(differences), differences[0].Kind, differences[0].Name, differences[0].Class),
			Fix: "see them with tenantry tenant adopt … --dry-run; mend the schema, or --accept-drift 'why'",
		}
	}
	return nil
}

// expected gives the schema that the applied files make on a server of this version. What was made once is kept: hundreds of databases at one
// release cost one scratch database.
func (e examination) expected(ctx context.Context, conn *pgx.Conn, found *examined) (fingerprint.Schema, error) {
	var version string
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')`).Scan(&version); err != nil {
		return fingerprint.Schema{}, fmt.Errorf("read server version: %w", err)
	}
	key := schemaKey(version, found.files)
	var schema fingerprint.Schema
	still := func(ctx context.Context) (bool, error) {
		var err error
		var kept bool
		schema, kept, err = e.keptSchema(ctx, key)
		return !kept, err
	}
	if needed, err := still(ctx); err != nil || !needed {
		return schema, err
	}
	rel := &release.Release{Name: "adoption", Format: found.stands.Format, Files: found.files}
	err := e.prov.Scratch(ctx, e.run, e.node, still, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := apply.Apply(ctx, conn, rel, apply.Options{OperationID: e.run.ID, Crash: func(point string) { crashpoint.HitNamed(ctx, point) }})
		if err != nil {
			return err
		}
		schema, err = adopt.ReadSchema(ctx, conn, adopt.Table{})
		if err != nil {
			return err
		}
		return e.keepSchema(ctx, key, schema)
	})
	return schema, err
}

// schemaKey names what some files make on a server. A new form of fingerprints gets a new first line.
func schemaKey(version string, files []release.File) string {
	h := sha256.New()
	_, _ = io.WriteString(h, "1\n"+version[:max(len(version)-4, 0)]+"\n")
	for _, f := range files {
		_, _ = io.WriteString(h, f.Checksum+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (e examination) keptSchema(ctx context.Context, key string) (schema fingerprint.Schema, kept bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var encoded []byte
	err = e.reg.Pool().QueryRow(ctx, `SELECT schema FROM tenantry.adoption_schemas WHERE key = $1`, key).Scan(&encoded)
	if errors.Is(err, pgx.ErrNoRows) {
		return schema, false, nil
	}
	if err == nil {
		err = json.Unmarshal(encoded, &schema)
	}
	if err != nil {
		return schema, false, fmt.Errorf("read kept schema: %w", err)
	}
	return schema, true, nil
}

func (e examination) keepSchema(ctx context.Context, key string, schema fingerprint.Schema) error {
	encoded, err := json.Marshal(schema)
	if err != nil {
		return fmt.Errorf("encode schema: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err = e.reg.Pool().Exec(ctx, `INSERT INTO tenantry.adoption_schemas (key, schema) VALUES ($1, $2) ON CONFLICT DO NOTHING`, key, string(cleanJSON(encoded)))
	if err != nil {
		return fmt.Errorf("keep schema: %w", err)
	}
	return nil
}

// unchanged looks, when nobody else is in the database any more, whether it is what was examined.
func (found *examined) unchanged(ctx context.Context, conn *pgx.Conn) error {
	history, err := adopt.Read(ctx, conn, found.history.Table)
	if err != nil {
		return err
	}
	schema, err := adopt.ReadSchema(ctx, conn, found.history.Table)
	if err != nil {
		return err
	}
	if schema.Sum() != found.sum || !history.Same(found.history) {
		return &tenants.RefusedError{Message: "the database was migrated while it was looked at", Fix: "adopt it again when nothing migrates it"}
	}
	return nil
}

// seal records the applied files as the database's history.
func (found *examined) seal(db tenants.Database, operation string) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		return apply.Baseline(ctx, tx, found.stands, found.files, apply.Options{OwnerRole: db.Owner(), OperationID: operation})
	}
}
