package preflight

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Blocking Severity = "blocking" // the tenant's migration will fail
	Warning  Severity = "warning"  // it may wait or be slow, or something is not known
	Note     Severity = "note"     // what was not looked at
)

func severities() []Severity { return []Severity{Blocking, Warning, Note} }

// Kind is what a finding is about.
type Kind string

// The kinds of findings.
const (
	Unreachable    Kind = "unreachable"
	NotWritable    Kind = "not_writable"
	Diverged       Kind = "diverged"
	Unfinished     Kind = "unfinished"
	OtherRelease   Kind = "other_release"
	NoRole         Kind = "no_role"
	NotOwned       Kind = "not_owned"
	Missing        Kind = "missing"
	AlreadyThere   Kind = "already_there"
	ColumnBudget   Kind = "column_budget"
	NoExtension    Kind = "extension"
	CheckFailed    Kind = "check_failed"
	CheckUnknown   Kind = "check_unknown"
	Rows           Kind = "rows" // rows are not what a statement needs
	NotLooked      Kind = "not_looked"
	InvalidIndex   Kind = "invalid_index"
	NotValidated   Kind = "not_validated"
	LongRunning    Kind = "long_transaction"
	Prepared       Kind = "prepared_transaction"
	Locked         Kind = "locked"
	Headroom       Kind = "headroom"
	Disk           Kind = "disk"
	SessionsHidden Kind = "sessions_hidden"
)

// Finding is one thing about one tenant.
type Finding struct {
	Kind     Kind
	Severity Severity
	// What is wrong, in the same words for every tenant that has it.
	What string
	// Detail is the tenant's own part: how many rows, who holds the lock. Never a row's content.
	Detail string
	// Fix says what to do.
	Fix string
}

func blocking(kind Kind, what, detail, fix string) Finding {
	return Finding{Kind: kind, Severity: Blocking, What: what, Detail: detail, Fix: fix}
}

func warning(kind Kind, what, detail, fix string) Finding {
	return Finding{Kind: kind, Severity: Warning, What: what, Detail: detail, Fix: fix}
}

func notLooked(what, detail string) Finding {
	return Finding{Kind: NotLooked, Severity: Note, What: what, Detail: detail}
}
