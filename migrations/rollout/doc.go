// Package rollout brings a release to many tenants in waves.
//
//	Assign ── who, in which wave ──► start ──► Decide ── what next ──► Step carries it out, in one transaction of the control database
//	                                             ▲                          │
//	                                             └──── a tenant has ended ◄──┘
//
// [Assign] and [Decide] are pure: they see data and return data. [Step] reads a rollout, asks Decide, and writes what it says together
// with the operations that follow from it. Any number of processes may call Step: the rollout's row is held for the moment, and who does
// not get it leaves it to the other.
//
// A tenant is brought to the release by an operation of its own (kind migrate), which takes its turn in the tenant's mailbox. The
// rollout is the parent of these operations.
//
//	rollout:  running ⇄ baking → … → completed | completed_with_exceptions
//	          running, baking → paused (manual, budget, systemic, gate) → where it was;  any → aborting → aborted
//	tenant:   pending → applying → done | failed | waived;  pending → skipped_…;  failed, waived → pending (retry)
package rollout
