package ddl

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// StepKind says how a step is carried out.
type StepKind string

// The kinds of steps.
const (
	// StepTx runs its statements in one short transaction with the lock policy.
	StepTx StepKind = "transaction"
	// StepBuildIndex builds an index CONCURRENTLY.
	StepBuildIndex StepKind = "build index"
	// StepDropIndex drops an index CONCURRENTLY.
	StepDropIndex StepKind = "drop index"
	// StepValidate has all rows checked, which takes a scan and blocks nobody.
	StepValidate StepKind = "validate"
	// StepAnalyze has the planner know a table, which takes a sample and blocks nobody.
	StepAnalyze StepKind = "analyze"
	// StepFill updates or copies rows in batches.
	StepFill StepKind = "fill"
	// StepProbe looks whether the change can still be made, just before it becomes visible.
	StepProbe StepKind = "look"
)

// Phase is when a step runs.
type Phase string

// The phases of a change, in order.
const (
	// Prepare: nobody sees the step's effect, and it is undone when the change is cancelled or fails.
	Prepare Phase = "prepare"
	// Commit: one transaction makes everything visible and writes the registry.
	Commit Phase = "commit"
	// After: what the change has left over goes; there is no way back.
	After Phase = "after"
)

// Step is one piece of a plan, as data.
type Step struct {
	// Operation is the index of the operation that asks for it; -1 when it is for all.
	Operation int      `json:"operation"`
	Phase     Phase    `json:"phase"`
	Kind      StepKind `json:"kind"`
	// Table is the physical table that it is about, in Schema; "" is [DataSchema].
	Table  string `json:"table"`
	Schema string `json:"schema,omitempty"`
	// Lock is the strongest lock that it takes there, and what that blocks, for people.
	Lock string `json:"lock"`
	// SQL is what runs. A fill has one statement with parameters: the key behind which to go on, and how many rows.
	SQL []string `json:"sql"`
	// Undo brings back what was before, in one transaction; that of a fill comes before Unfill, and may run more than once.
	Undo []string `json:"undo,omitempty"`
	// Index is the physical name of the index that is built or dropped.
	Index string `json:"index,omitempty"`
	// Unfill takes a fill back, given the ids of rows; "" when Undo of an earlier step takes the column away.
	Unfill string `json:"unfill,omitempty"`
	// Probe is what a StepProbe asks.
	Probe *Probe `json:"probe,omitempty"`
	// Rows is how many rows it goes through, as far as the server knows.
	Rows int64 `json:"rows,omitempty"`
	// Estimate is how long it takes, roughly: from the rows, at the speed of a small server. It is not a promise.
	Estimate time.Duration `json:"estimate,omitempty"`
	// alone is a step that must not share a transaction with others; first one that goes before the others of its transaction: it drops views, and whoever
	// reads one has locked that before the table.
	alone, first bool
}

// Locks, and what they mean for others.
const (
	lockExclusive  = "ACCESS EXCLUSIVE, for milliseconds"
	lockShareRow   = "SHARE ROW EXCLUSIVE on both tables, for milliseconds; reading goes on"
	lockWriters    = "SHARE ROW EXCLUSIVE, for milliseconds; reading goes on"
	lockValidate   = "SHARE UPDATE EXCLUSIVE; reading and writing go on"
	lockConcurrent = "SHARE UPDATE EXCLUSIVE; reading and writing go on"
	lockRows       = "locks of the rows of one batch at a time, for about 100 ms; reading goes on"
	lockNone       = "ACCESS SHARE; reading and writing go on"
)

// stronger is the one of two locks that a transaction with both is about.
func stronger(a, b string) string {
	order := []string{lockExclusive, lockShareRow, lockWriters, lockRows, lockValidate, lockConcurrent, lockNone}
	if slices.Index(order, b) >= 0 && (slices.Index(order, a) < 0 || slices.Index(order, b) < slices.Index(order, a)) {
		return b
	}
	return a
}

// Probe looks at rows, and what it finds may stand in a change's way. It changes nothing.
type Probe struct {
	// Operation and Field say what it is about.
	Operation int    `json:"operation"`
	Field     string `json:"field,omitempty"` // of the operation
	// SQL gives one row: how many rows are in the way, and up to five of them as an array of texts.
	SQL string `json:"sql"`
	// Message has %d for the number.
	Message string `json:"message"`
	Fix     string `json:"fix"`
	// Table that it reads, and how many rows that has, as far as the server knows.
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	// Note: what it finds is told, and stands in nobody's way.
	Note bool `json:"note,omitempty"`
	// Named: what it finds are names of the catalog and no rows; the message has them at %s.
	Named bool `json:"named,omitempty"`
}

// Speeds of a small server, in rows a second, for estimates.
const (
	scanRate      = 2_000_000
	indexRate     = 500_000
	fillRate      = 60_000
	leastEstimate = 2 * time.Millisecond
)

func estimate(rows int64, rate int64) time.Duration {
	return leastEstimate + time.Duration(float64(rows)/float64(rate)*float64(time.Second)).Round(time.Millisecond)
}

// Found makes a problem of what a probe has found.
func (p Probe) Found(rows int64, examples []string) Problem {
	path := ""
	if p.Operation >= 0 {
		path = strings.TrimSuffix(at(p.Operation)+"."+p.Field, ".")
	}
	if p.Named {
		return Problem{Path: path, Message: strings.Replace(p.Message, "%s", listed(examples), 1), Fix: p.Fix}
	}
	message := strings.Replace(p.Message, "%d", strconv.FormatInt(rows, 10), 1)
	if rows == 1 {
		message = strings.Replace(strings.Replace(message, "rows have", "row has", 1), "1 rows", "1 row", 1)
	}
	return Problem{Path: path, Message: message, Fix: p.Fix, Rows: rows, Examples: examples}
}

// Title says in a few words what a step does.
func (s Step) Title() string {
	switch s.Kind {
	case StepBuildIndex:
		return "build index " + s.Index + " on " + s.Table
	case StepDropIndex:
		return "drop index " + s.Index
	case StepValidate:
		return "check all rows of " + s.Table
	case StepAnalyze:
		return "take a sample of " + s.Table
	case StepFill:
		return "fill rows of " + s.Table
	case StepProbe:
		return "look at the rows of " + s.Table
	case StepTx:
	}
	what := map[Phase]string{Prepare: "prepare", Commit: "make it visible", After: "tidy up"}[s.Phase]
	if s.Table != "" {
		what += ": " + s.Table
	}
	return what
}
