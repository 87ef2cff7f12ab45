package release

import (
	"slices"
	"strings"
)

// control says what becomes of BEGIN and COMMIT in a file.
type control int

const (
	// controlRefused: the file may hold none.
	controlRefused control = iota
	// pairWhole: one pair around all statements is the file's transaction.
	pairWhole
	// pairsMerge: so are several pairs and what stands outside of them. The file then runs in one transaction, which is
	// more than was asked for.
	pairsMerge
	// drizzleControl: a pair around all statements is the file's transaction. A COMMIT alone leaves the transaction that
	// Drizzle has begun, so that what follows can run outside of one: the file runs statement by statement.
	drizzleControl
)

const (
	beginStmt  = "BEGIN"
	commitStmt = "COMMIT"
)

// controlOf returns beginStmt or commitStmt for a statement that is one and no more, "" for any other.
func controlOf(p parsed) string {
	if p.node != "TransactionStmt" || len(p.tree.list("options")) > 0 || p.tree.flag("chain") {
		return ""
	}
	switch p.tree.text("kind") {
	case "TRANS_STMT_BEGIN", "TRANS_STMT_START":
		return beginStmt
	case "TRANS_STMT_COMMIT":
		return commitStmt
	default:
		return ""
	}
}

// uncontrolled takes BEGIN and COMMIT out where the file's format allows them, and says in the mode what they said.
func (d *draft) uncontrolled(statements []parsed, found *problems) []parsed {
	if d.control == controlRefused {
		return statements
	}
	s := controlScan{draft: d, found: found, open: -1}
	for i, p := range statements {
		s.take(i, p)
	}
	if s.open >= 0 {
		s.refuse(statements[s.open], "BEGIN without a COMMIT", "end the file with COMMIT, or delete the BEGIN")
	}
	d.refuseAimless(s.carried, found)
	if s.pairs > 0 && !s.refused {
		s.merge(len(statements))
	}
	return s.kept
}

// controlScan goes through one file's statements.
type controlScan struct {
	draft *draft
	found *problems
	kept  []parsed
	// open is the position of a BEGIN without its COMMIT, -1 when there is none; last that of the last COMMIT.
	open, last int
	// first is the first BEGIN, at the position firstAt.
	first   parsed
	firstAt int
	pairs   int
	// commits are how many statements were kept before each COMMIT.
	commits []int
	refused bool
	// carried are the directives before a BEGIN or COMMIT: they speak of the statement after it.
	carried []Directive
}

func (s *controlScan) refuse(p parsed, reason, fix string) {
	s.refused = true
	s.found.add(s.draft.name, p.line, reason, fix)
}

func (s *controlScan) take(i int, p parsed) {
	p.directives = slices.Concat(s.carried, p.directives)
	s.carried = nil
	switch controlOf(p) {
	case beginStmt:
		s.carried = p.directives
		s.begin(i, p)
	case commitStmt:
		s.carried = p.directives
		s.commit(i, p)
	default:
		s.kept = append(s.kept, p)
	}
}

func (s *controlScan) begin(i int, p parsed) {
	if s.open >= 0 {
		s.refuse(p, "BEGIN inside of a transaction that was begun above", "delete one of the two")
		return
	}
	if s.pairs == 0 {
		s.first, s.firstAt = p, i
	}
	s.open = i
}

func (s *controlScan) commit(i int, p parsed) {
	switch {
	case s.open >= 0:
		s.open, s.last = -1, i
		s.pairs++
		s.commits = append(s.commits, len(s.kept))
	case s.draft.control == drizzleControl && s.pairs == 0 && s.draft.mode != statementwise:
		s.draft.mode = statementwise
	default:
		s.refuse(p, "COMMIT without a BEGIN", "delete it; statements that must commit apart go into separate files")
	}
}

// merge makes the pairs the file's one transaction, or says why that would be another thing.
func (s *controlScan) merge(statements int) {
	whole := s.pairs == 1 && s.firstAt == 0 && s.last == statements-1
	switch {
	case s.draft.mode == statementwise:
		s.refuse(s.first, "BEGIN … COMMIT in a file that runs statement by statement", "delete the two, or move what is between them to a file of its own")
	case !whole && s.draft.control != pairsMerge:
		s.refuse(s.first, "BEGIN … COMMIT around a part of the file: a file is committed together with the record that it was applied",
			"put the two around the whole file, or delete them; statements that must commit apart go into separate files")
	default:
		s.draft.mode = inTransaction
		s.refuseLeaning()
	}
}

// refuseLeaning refuses what would mean something else, or fail, once a COMMIT in the middle of the file is gone.
func (s *controlScan) refuseLeaning() {
	const fix = "put what follows the COMMIT into a file of its own"
	for i, p := range s.kept {
		switch {
		case !s.committedBetween(i):
		case s.usedLater(i):
			s.refuse(p, "a value is added to an enum, committed, and used further down: the file runs in one transaction, where it cannot be used yet", fix)
		case endsWithTransaction(p):
			s.refuse(p, "is in force until the COMMIT, and the file goes on after it: the file runs in one transaction", fix)
		}
	}
}

// usedLater reports whether the statement adds a value to an enum that a later one mentions.
func (s *controlScan) usedLater(statement int) bool {
	p := s.kept[statement]
	added := p.tree.text("newVal")
	if p.node != "AlterEnumStmt" || added == "" || p.tree.text("oldVal") != "" {
		return false
	}
	for _, later := range s.kept[statement+1:] {
		if strings.Contains(later.sql, added) {
			return true
		}
	}
	return false
}

// committedBetween reports whether a COMMIT follows the statement, and after it another statement.
func (s *controlScan) committedBetween(statement int) bool {
	for _, before := range s.commits {
		if statement < before && before < len(s.kept) {
			return true
		}
	}
	return false
}

// endsWithTransaction finds settings and temporary tables that last until the end of the transaction.
func endsWithTransaction(p parsed) bool {
	if p.node == "VariableSetStmt" && p.tree.flag("is_local") {
		return true
	}
	ends := false
	walk(p.node, map[string]any(p.tree), func(name string, value any) {
		if text, ok := value.(string); ok && strings.EqualFold(name, "oncommit") && text != "ONCOMMIT_NOOP" && text != "ONCOMMIT_PRESERVE_ROWS" {
			ends = true
		}
		node, ok := value.(map[string]any)
		if !ok || name != "FuncCall" {
			return
		}
		if _, function := lastTwo(tree(node).names("funcname")); function == "set_config" && !setsForSession(node) {
			ends = true
		}
	})
	return ends
}

// setsForSession reports whether a call of set_config is known not to be for the transaction only.
func setsForSession(call tree) bool {
	args := call.list("args")
	if len(args) != 3 {
		return false
	}
	local, constant := args[2].at("A_Const")["boolval"].(map[string]any)
	return constant && !tree(local).flag("boolval")
}
