package execute

// The points at which Options.Crash is called, in the order in which they can be passed. Between two of them at most one
// transaction, or one statement that runs alone, takes effect.
const (
	// PointRead: the lock is held, and registry, catalog and the change so far were read.
	PointRead = "ddl.read"
	// PointPrepared: the registry's tables were made, for a database that had none.
	PointPrepared = "ddl.prepared"
	// PointBegun: the change and its plan are written.
	PointBegun = "ddl.begun"
	// PointStepBefore: a step is next.
	PointStepBefore = "ddl.step.before"
	// PointBatch: one batch of a fill is committed.
	PointBatch = "ddl.fill.batch"
	// PointCleared: an invalid index of an interrupted build was dropped.
	PointCleared = "ddl.index.cleared"
	// PointEffect: an index was built or dropped, which is not recorded.
	PointEffect = "ddl.index.effect"
	// PointStepDone: the step and its record are there.
	PointStepDone = "ddl.step.done"
	// PointCommitted: the change is visible.
	PointCommitted = "ddl.committed"
	// PointUndoing: that the change is undone is written, and nothing of it is undone.
	PointUndoing = "ddl.undo.begun"
	// PointUndoStep: a step was undone.
	PointUndoStep = "ddl.undo.step"
	// PointUndone: everything is undone, the lock is still held.
	PointUndone = "ddl.undone"
	// PointDone: everything is recorded, the lock is still held.
	PointDone = "ddl.done"
)

// Points lists all of them, for suites that must pass each.
func Points() []string {
	return []string{
		PointRead, PointPrepared, PointBegun, PointStepBefore, PointBatch, PointCleared, PointEffect, PointStepDone, PointCommitted,
		PointUndoing, PointUndoStep, PointUndone, PointDone,
	}
}
