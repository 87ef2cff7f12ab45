package lint

import "fmt"

// transaction is what the statements of one transaction have done so far: all of its locks are held until it ends.
type transaction struct {
	// held are the locks on relations that were there before, and the line that took each.
	held map[*relation]heldLock
	// unvalidated are the constraints that were added as NOT VALID, by table and name.
	unvalidated map[*relation]map[string]bool
	// told: two tables being locked was said already.
	told bool
}

type heldLock struct {
	mode LockMode
	line int
}

func newTransaction() *transaction {
	return &transaction{
		held: map[*relation]heldLock{}, unvalidated: map[*relation]map[string]bool{},
	}
}

// take judges a statement by what its transaction holds already, and adds its locks.
func (tx *transaction) take(v *visit) {
	tx.judgeWork(v)
	tx.judgeSeveral(v)
	for r, mode := range v.locks {
		if !r.fresh && mode > tx.held[r].mode {
			tx.held[r] = heldLock{mode, v.out.Line}
		}
	}
}

// judgeWork finds work during which others wait for a lock that an earlier statement took.
func (tx *transaction) judgeWork(v *visit) {
	for _, w := range v.work {
		if w.table.fresh || w.kind == Empties {
			continue
		}
		for _, r := range sortedRelations(tx.held) {
			held := tx.held[r]
			if !held.mode.BlocksWrites() || v.locks[r] >= held.mode || v.out.hasRule("validate_in_transaction") {
				continue // the statement's own lock is as bad, and its own findings say so
			}
			rule := "work_under_lock"
			if v.out.hasRule("change_rows") {
				rule = "change_rows_under_lock"
			}
			v.note(rule,
				fmt.Sprintf("the %s of %s happens under the %s lock on %s that line %d took in the same transaction: %s wait until it is over",
					w.kind, w.table.name, held.mode, r.name, held.line, held.mode.blocked()),
				"move this statement into a file of its own, after this one")
			return
		}
	}
}

// judgeSeveral finds a second table that is locked against reads while a first one is.
func (tx *transaction) judgeSeveral(v *visit) {
	if tx.told {
		return
	}
	for _, r := range sortedRelations(v.locks) {
		if r.fresh || r.kind != aTable || v.locks[r] != AccessExclusive || tx.held[r].mode == AccessExclusive {
			continue
		}
		for _, other := range sortedRelations(tx.held) {
			held := tx.held[other]
			if held.mode != AccessExclusive || other.kind != aTable || v.locks[other] == AccessExclusive {
				continue
			}
			tx.told = true
			v.note("several_locks",
				fmt.Sprintf("%s is locked while %s is, since line %d: who waits for one makes the other's users wait too, and code that takes them in another order deadlocks",
					r.name, other.name, held.line),
				fmt.Sprintf("change %s and %s in a file each", other.name, r.name))
			return
		}
	}
}

func (s *Statement) hasRule(rule string) bool {
	for _, finding := range s.Findings {
		if finding.Rule == rule {
			return true
		}
	}
	return false
}
