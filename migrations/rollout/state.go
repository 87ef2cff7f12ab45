package rollout

// State is where a rollout stands.
type State string

// The states of a rollout.
const (
	Running                 State = "running"
	Baking                  State = "baking" // a wave has ended well; the next begins after a while
	Paused                  State = "paused" // nobody begins; a person must resume or abort
	Aborting                State = "aborting"
	Completed               State = "completed"
	CompletedWithExceptions State = "completed_with_exceptions" // some tenants failed, were waived, or came behind later
	Aborted                 State = "aborted"
)

// Final says whether nothing more will happen.
func (s State) Final() bool {
	return s == Completed || s == CompletedWithExceptions || s == Aborted
}

// Reason is why a rollout is paused; "" when it is not.
type Reason string

// The reasons of a pause.
const (
	Manual   Reason = "manual"
	Budget   Reason = "budget"   // more tenants failed than the policy allows
	Systemic Reason = "systemic" // several failed in the same way: the next ones would, too
	Gate     Reason = "gate"     // the gate's query said no
)

// MemberState is where a tenant of a rollout stands.
type MemberState string

// The states of a tenant in a rollout.
const (
	Pending            MemberState = "pending"
	Applying           MemberState = "applying" // its operation is under way, or waits for its turn
	Done               MemberState = "done"
	Failed             MemberState = "failed" // for good, and in quarantine
	Waived             MemberState = "waived" // a person cancelled its operation
	SkippedUpToDate    MemberState = "skipped_uptodate"
	SkippedPinned      MemberState = "skipped_pinned"
	SkippedInactive    MemberState = "skipped_inactive" // suspended, being deleted, not yet made
	SkippedQuarantined MemberState = "skipped_quarantined"
	SkippedPreflight   MemberState = "skipped_preflight" // a person left out whom the preflight found blocked
)

// MemberStates lists every state of a member, in the order in which they are shown.
func MemberStates() []MemberState {
	return []MemberState{Pending, Applying, Done, Failed, Waived, SkippedUpToDate, SkippedPinned, SkippedInactive, SkippedQuarantined, SkippedPreflight}
}
