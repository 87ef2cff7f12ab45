package fanout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State is how a tenant's part of a query ended.
type State string

// The states.
const (
	Answered    State = "answered"    // all of its rows were given
	Failed      State = "failed"      // its database did not answer the query: the reason is its own
	Unreachable State = "unreachable" // its node did not answer, or it could not be logged in
	Inactive    State = "inactive"    // it is suspended, deleted, or not ready
	Unasked     State = "unasked"     // the query ended first
)

// troubles are the states that are not well, in the order in which they are told.
var troubles = []State{Unreachable, Failed, Inactive, Unasked}

// Outcome is how one tenant's part of a query ended.
type Outcome struct {
	TenantID string `json:"tenant_id"`
	Tenant   string `json:"tenant"` // its slug
	Node     string `json:"node"`
	State    State  `json:"state"`
	// Reason says why there is no answer, "" when there is one. It can quote what a row holds, as PostgreSQL's errors do.
	Reason string `json:"reason,omitempty"`
	// Rows that were given. Those of a tenant that did not answer completely are to be thrown away by whoever adds up.
	Rows int64 `json:"rows"`
	// Warm says that it was asked through a pool that was open already.
	Warm bool          `json:"warm,omitempty"`
	Took time.Duration `json:"-"`
}

// Report is how a query ended.
type Report struct {
	// Outcomes by slug, one for each tenant.
	Outcomes []Outcome
	// Columns of the answer, nil when nobody has answered.
	Columns []Column
	// Rows that were given, of all tenants.
	Rows int64
	Took time.Duration
}

// Count gives how many tenants ended in a state.
func (r Report) Count(s State) int {
	n := 0
	for _, o := range r.Outcomes {
		if o.State == s {
			n++
		}
	}
	return n
}

// Complete says that every tenant has answered.
func (r Report) Complete() bool { return r.Count(Answered) == len(r.Outcomes) }

// mostNamed is how many tenants without an answer a coverage names for each state.
const mostNamed = 10

// Coverage says in a line who has answered, and who has not and why: "998 of 1,000 tenants; 2 unreachable: …".
func (r Report) Coverage() string {
	parts := []string{fmt.Sprintf("%s of %s tenants", Grouped(r.Count(Answered)), Grouped(len(r.Outcomes)))}
	for _, s := range troubles {
		if n := r.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s: %s", Grouped(n), s, r.named(s)))
		}
	}
	return strings.Join(parts, "; ")
}

// named lists tenants in a state by their reason, those that most have first.
func (r Report) named(s State) string {
	by := map[string][]string{}
	for _, o := range r.Outcomes {
		if o.State == s {
			by[o.Reason] = append(by[o.Reason], o.Tenant)
		}
	}
	reasons := make([]string, 0, len(by))
	for reason := range by {
		reasons = append(reasons, reason)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		if d := len(by[b]) - len(by[a]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var parts []string
	left := mostNamed
	for _, reason := range reasons {
		if left == 0 {
			parts = append(parts, "…")
			break
		}
		names := by[reason]
		text := strings.Join(names[:min(len(names), left)], ", ")
		if len(names) > left {
			text += ", …"
		}
		left -= min(len(names), left)
		parts = append(parts, text+" ("+reason+")")
	}
	return strings.Join(parts, ", ")
}

// Grouped writes a number with commas between thousands.
func Grouped(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
