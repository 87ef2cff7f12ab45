package opshttp

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
)

// maxWorkers is how many workers are told one by one, those silent for the longest first.
const maxWorkers = 200

// What is counted by state. Tenants and databases that are gone stay in their tables for ever and are not among it.
var (
	unfinishedStates = []jobs.State{jobs.StateWaiting, jobs.StateQueued, jobs.StateRunning, jobs.StateRetrying, jobs.StateParked}
	tenantStates     = slices.DeleteFunc(tenants.States(), func(s tenants.State) bool { return s == tenants.StateDeleted })
	databaseStates   = []string{"building", "warm", "assigned", "retained", "lost", "scratch", "failed", "dropping"}
	rolloutStates    = []rollout.State{rollout.Running, rollout.Baking, rollout.Paused, rollout.Aborting}
)

// survey is the fleet at one moment, as the control database knows it.
type survey struct {
	Operations map[jobs.State]int64    `db:"operations"` // unfinished ones
	Parked     map[string]int64        `db:"parked"`     // by kind
	Queues     map[string]queueState   `db:"queues"`     // those with jobs to fetch
	Paused     map[string]bool         `db:"paused"`     // queues that some worker serves
	Tenants    map[tenants.State]int64 `db:"tenants"`
	Nodes      []nodeState             `db:"nodes"`   // by name
	Workers    []workerState           `db:"workers"` // not signed off nor declared dead; maxWorkers at most
	Live       int64                   `db:"live"`    // workers with a lease that holds

	Rollouts    map[rollout.State]int64 `db:"rollouts"` // unfinished ones
	Quarantined int64                   `db:"quarantined"`

	Drift driftState `db:"drift"`
	// Backups of the tenants that are active or suspended.
	Backups backupState `db:"backups"`
	// Aggregates that have a day whose run has ended, by name: how complete the newest is.
	Aggregates map[string]dayState `db:"aggregates"`
}

// dayState is how complete a day of an aggregate is.
type dayState struct {
	Missing   int64 `json:"missing"`
	Published bool  `json:"published"`
}

// backupState is how the tenants that are active or suspended stand with their backups.
type backupState struct {
	Late     int64   `json:"late"`
	Unproven int64   `json:"unproven"`
	Failed   int64   `json:"failed"`
	Oldest   float64 `json:"oldest"` // seconds
}

// driftState is what checks of the active tenants' schemas have found.
type driftState struct {
	Drifted   int64   `json:"drifted"`
	Unchecked int64   `json:"unchecked"` // no check has come through yet
	Oldest    float64 `json:"oldest"`    // seconds since the oldest check, or since the tenant is active
}

type queueState struct {
	Available int64   `json:"available"`
	Oldest    float64 `json:"oldest"` // seconds that the oldest has been due
}

type nodeState struct {
	Name        string           `json:"name"`
	State       string           `json:"state"`
	Region      string           `json:"region"`
	Connections int64            `json:"connections"` // budget of all workers together
	MaxTenants  *int64           `json:"max_tenants"` // nil is no limit
	WarmTarget  int64            `json:"warm_target"`
	Warm        int64            `json:"warm"` // ready to be claimed: of the current release
	Databases   map[string]int64 `json:"databases"`
}

type workerState struct {
	ID   string  `json:"id"`
	Age  float64 `json:"age"` // seconds since the last heartbeat, by the database's clock
	Live bool    `json:"live"`
}

// queueNames lists the known queues and then any other that has jobs.
func (s survey) queueNames() []string {
	names := jobs.Queues()
	var others []string
	for name := range s.Queues {
		if !slices.Contains(names, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return append(names, others...)
}

// surveyor measures the fleet.
type surveyor struct {
	pool  *pgxpool.Pool
	life  context.Context //nolint:containedctx // the server's: a collector is given none
	turns turnLog
}

func newSurveyor(pool *pgxpool.Pool, log zerolog.Logger) *surveyor {
	return &surveyor{pool: pool, life: context.Background(), turns: turnLog{
		log: log, good: "fleet can be measured again", bad: "fleet cannot be measured",
	}}
}

func (v *surveyor) begin(life context.Context) { v.life = life }

// measure asks the control database, and gives up after controlTimeout.
func (v *surveyor) measure(ctx context.Context) (survey, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	var s survey
	err := readControl(ctx, v.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, surveySQL, tenantStates, databaseStates, maxWorkers)
		if err != nil {
			return err //nolint:wrapcheck // wrapped once, below
		}
		s, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[survey])
		return err //nolint:wrapcheck // wrapped once, below
	})
	if err != nil {
		return survey{}, fmt.Errorf("measure fleet: %w", err)
	}
	return s, nil
}

// outcomes is how those of the newest operations ended that have.
func (v *surveyor) outcomes(ctx context.Context, newest int) (map[jobs.State]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	var counts map[jobs.State]int64
	err := readControl(ctx, v.pool, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, outcomesSQL, newest).Scan(&counts)
	})
	if err != nil {
		return nil, fmt.Errorf("count outcomes: %w", err)
	}
	return counts, nil
}

// readControl reads in a transaction that the server itself ends in time: a deadline of ours only ends the connection,
// and the query behind it would go on.
func readControl(ctx context.Context, pool *pgxpool.Pool, read func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error { //nolint:wrapcheck // callers wrap
		limit := strconv.FormatInt(controlTimeout.Milliseconds(), 10)
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, limit); err != nil {
			return fmt.Errorf("bound query: %w", err)
		}
		return read(tx)
	})
}

// newest lists the operations that were asked last, newest first.
func (v *surveyor) newest(ctx context.Context, client *jobs.Client, n int) ([]jobs.Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	return client.List(ctx, jobs.Filter{Limit: n})
}
