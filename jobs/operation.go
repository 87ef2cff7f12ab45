package jobs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is where an operation stands.
type State string

// The states of an operation.
const (
	StateWaiting   State = "waiting"  // another operation of the tenant goes first
	StateQueued    State = "queued"   // a worker will take it
	StateRunning   State = "running"  // a worker has it
	StateRetrying  State = "retrying" // an attempt failed, another will follow
	StateParked    State = "parked"   // a person must retry or cancel it; its tenant is held
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
	StateCancelled State = "cancelled"
)

// States lists every state, in the order in which an operation may pass them.
func States() []State {
	return []State{StateWaiting, StateQueued, StateRunning, StateRetrying, StateParked, StateSucceeded, StateFailed, StateCancelled}
}

// Final says whether nothing more will happen by itself in this state and the tenant is free again.
func (s State) Final() bool {
	return s == StateSucceeded || s == StateFailed || s == StateCancelled
}

// rests says whether nothing more happens by itself.
func (s State) rests() bool { return s.Final() || s == StateParked }

// Progress counts steps or rows. A Total of zero means that it is not known.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// Failure is why an operation stands where it stands.
type Failure struct {
	Code    string `json:"code"`           // a SQLSTATE or a word such as lost_workers
	Message string `json:"message"`        // one line, without secrets
	Hint    string `json:"hint,omitempty"` // what to do
	Step    string `json:"step,omitempty"` // the step it happened in
	// Details for programs, nil for most kinds. A change_schema that was refused has {"problems": [{"path", "message", "fix", "rows", "examples"}]}.
	Details json.RawMessage `json:"details,omitempty"`
}

// Operation is one row of the ledger: what was asked, how far it is, how it ended.
type Operation struct {
	ID             string          `db:"id"              json:"id"`
	Kind           string          `db:"kind"            json:"kind"`
	Tenant         *string         `db:"tenant"          json:"tenant"`    // slug
	TenantID       *string         `db:"tenant_id"       json:"tenant_id"` // nil for the fleet's own work
	State          State           `db:"state"           json:"state"`
	Step           string          `db:"step"            json:"step"`
	Progress       Progress        `db:"progress"        json:"progress"`
	Attempt        int             `db:"attempt"         json:"attempt"`  // starts so far; the fencing token
	Failures       int             `db:"failures"        json:"failures"` // attempts that ended in an error
	Reaps          int             `db:"reaps"           json:"reaps"`    // workers lost while running it
	Error          *Failure        `db:"error"           json:"error"`
	Result         json.RawMessage `db:"result"          json:"result"`
	Args           json.RawMessage `db:"args"            json:"args"`
	IdempotencyKey string          `db:"idempotency_key" json:"idempotency_key,omitempty"`
	RequestedBy    string          `db:"requested_by"    json:"requested_by"`
	ParentID       *string         `db:"parent_id"       json:"parent_id"`
	WorkerID       *string         `db:"worker_id"       json:"worker_id"`
	RiverJobID     *int64          `db:"river_job_id"    json:"river_job_id"`
	CreatedAt      time.Time       `db:"created_at"      json:"created_at"`
	UpdatedAt      time.Time       `db:"updated_at"      json:"updated_at"`
	StartedAt      *time.Time      `db:"started_at"      json:"started_at"`
	FinishedAt     *time.Time      `db:"finished_at"     json:"finished_at"`
	// Seq orders operations by when they were asked.
	Seq int64 `db:"seq" json:"-"`
}

// Filter selects operations for [Client.List]. The zero value selects the newest 50.
type Filter struct {
	Tenant string   // slug or id
	Kind   string   // such as "provision"
	States []State  // any of them; none means all
	Parent string   // children of that operation
	Before int64    // only with a Seq below it: the next page. 0 is the first page
	Limit  int      // 0 is 50; 1000 at most
	_      struct{} // fields are named
}

func (f Filter) limit() int {
	if f.Limit <= 0 {
		return 50
	}
	return min(f.Limit, 1000)
}

// where gives the conditions that were asked for, and no others: each can use its index then.
func (f Filter) where() (sql string, args []any) {
	var conditions []string
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, strings.ReplaceAll(condition, "$", fmt.Sprintf("$%d", len(args))))
	}
	if f.Tenant != "" {
		add("tenant_id IN (SELECT t.id FROM tenantry.tenant_status t WHERE t.id = $ OR t.slug = $)", f.Tenant)
	}
	if f.Kind != "" {
		add("kind = $", f.Kind)
	}
	if len(f.States) > 0 {
		add("state = ANY ($)", f.States)
		if !slices.ContainsFunc(f.States, State.Final) {
			conditions = append(conditions, "finished_at IS NULL")
		}
	}
	if f.Parent != "" {
		add("parent_id = $", f.Parent)
	}
	if f.Before != 0 {
		add("seq < $", f.Before)
	}
	if len(conditions) > 0 {
		sql = " WHERE " + strings.Join(conditions, " AND ")
	}
	return sql + fmt.Sprintf(" ORDER BY seq DESC LIMIT %d", f.limit()), args
}
