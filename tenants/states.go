package tenants

import "slices"

// State is where a tenant stands.
type State string

// The states of a tenant.
const (
	StateRequested    State = "requested"    // asked for, its database is not begun
	StateProvisioning State = "provisioning" // its database is being made
	StateActive       State = "active"       // its URL works
	StateSuspended    State = "suspended"    // no sessions; its data is kept
	StateDeleting     State = "deleting"     // no sessions; purged when its grace is over, until then undelete works
	StateDeleted      State = "deleted"      // its database, roles and credentials are gone
	StateFailed       State = "failed"       // its database could not be made; retry or delete it
)

// moves is the whole state machine: from a state to those that may follow.
var moves = map[State][]State{
	StateRequested:    {StateProvisioning, StateFailed},
	StateProvisioning: {StateActive, StateFailed},
	StateActive:       {StateSuspended, StateDeleting},
	StateSuspended:    {StateActive, StateDeleting},
	StateFailed:       {StateProvisioning, StateDeleting},
	StateDeleting:     {StateActive, StateSuspended, StateFailed, StateDeleted},
	StateDeleted:      {},
}

// States lists every state in the order of a tenant's life.
func States() []State {
	return []State{StateRequested, StateProvisioning, StateActive, StateSuspended, StateDeleting, StateDeleted, StateFailed}
}

// CanBecome says whether a tenant may go from s to next. Staying where it is is always allowed: a step that runs again
// finds its move already made.
func (s State) CanBecome(next State) bool {
	return s == next || slices.Contains(moves[s], next)
}
