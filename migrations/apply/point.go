package apply

// The points at which Options.Crash is called, in the order in which they can be passed. Between two of them at most one
// transaction or one statement that runs alone takes effect.
const (
	// PointLocked: the lock is held and the history read; nothing was changed.
	PointLocked = "apply.locked"
	// PointPrepared: the schema _tenantry was made, for a database that had none.
	PointPrepared = "apply.prepared"
	// PointTxBefore: a file's transaction is about to begin.
	PointTxBefore = "apply.tx.before"
	// PointTxExecuted: the transaction's statements have run, nothing is recorded or committed.
	PointTxExecuted = "apply.tx.executed"
	// PointTxCommitted: statements and records are committed.
	PointTxCommitted = "apply.tx.committed"
	// PointAloneBefore: a statement that runs alone is next, its intent is not recorded.
	PointAloneBefore = "apply.alone.before"
	// PointAloneIntent: the intent is committed, the statement has not been sent.
	PointAloneIntent = "apply.alone.intent"
	// PointAloneCleared: what an earlier, interrupted run left behind was dropped; the statement has not been sent.
	PointAloneCleared = "apply.alone.cleared"
	// PointAloneEffect: the statement took effect, which is not recorded.
	PointAloneEffect = "apply.alone.effect"
	// PointAloneRecorded: the effect is recorded.
	PointAloneRecorded = "apply.alone.recorded"
	// PointRelease: nothing was left to run but the database's release is not recorded.
	PointRelease = "apply.release"
	// PointDone: everything is recorded, the lock is still held.
	PointDone = "apply.done"
)

// Points lists all of them, for suites that must pass each.
func Points() []string {
	return []string{
		PointLocked, PointPrepared, PointTxBefore, PointTxExecuted, PointTxCommitted, PointAloneBefore, PointAloneIntent,
		PointAloneCleared, PointAloneEffect, PointAloneRecorded, PointRelease, PointDone,
	}
}
