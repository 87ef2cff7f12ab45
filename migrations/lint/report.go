package lint

import "time"

// Severity of a finding.
type Severity string

const (
	// Error blocks the traffic on a large table, loses data, or breaks the code that runs meanwhile.
	Error Severity = "error"
	// Warning does so in some cases, or its effect is not known.
	Warning Severity = "warning"
	// Notice says that there is something better to write.
	Notice Severity = "notice"
)

// Report is what the linter found, statement by statement.
type Report struct {
	// Statements that were linted, in order.
	Statements []Statement `json:"statements"`
	// First says that nothing was published before: every table is taken for new and empty, so that nothing can be blocked.
	First bool `json:"first"`
}

// Statement is the verdict about one statement.
type Statement struct {
	File string `json:"file"`
	No   int    `json:"no"`
	Line int    `json:"line"`
	// SQL is the beginning of the statement, on one line.
	SQL string `json:"sql"`
	// Locks are the strongest lock on each relation that there was before the statement.
	Locks []Lock `json:"locks"`
	// Effects are what takes time in proportion to a table's size.
	Effects []Effect `json:"effects,omitempty"`
	// Unknown says that the statement may do more than the verdict tells.
	Unknown  bool      `json:"unknown,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
}

// Lock is held until the end of the statement's transaction.
type Lock struct {
	Relation string   `json:"relation"`
	Mode     LockMode `json:"mode"`
	// New says that the relation was made by what is linted: no running code waits for it.
	New bool `json:"new,omitempty"`
}

// Work is why an effect takes time.
type Work string

const (
	// Rewrites says that every row is written anew into a new file, and all indexes are built anew.
	Rewrites Work = "rewrite"
	// Scans says that every row is read.
	Scans Work = "scan"
	// Builds says that an index is built, which reads every row.
	Builds Work = "index build"
	// Changes says that rows are changed one by one, each locked until the end of the transaction.
	Changes Work = "row changes"
	// Empties says that the table gets a new, empty file.
	Empties Work = "new file"
)

// Effect is work on one relation.
type Effect struct {
	Relation string `json:"relation"`
	Work     Work   `json:"work"`
	// New says that the relation was made by what is linted.
	New bool `json:"new,omitempty"`
	// Estimate is for the largest table of this name in the fleet; nil when its size is not known.
	Estimate *Estimate `json:"estimate,omitempty"`
}

// Estimate of how long work takes.
type Estimate struct {
	Seconds float64 `json:"seconds"`
	Tenant  string  `json:"tenant"`
	Rows    int64   `json:"rows"`
	Bytes   int64   `json:"bytes"`
}

// Duration is the estimate as one.
func (e Estimate) Duration() time.Duration { return time.Duration(e.Seconds * float64(time.Second)) }

// Finding is a rule that a statement breaks.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// Problem says what is wrong, Instead what to write: prose, or SQL with the statement's own names.
	Problem string `json:"problem"`
	Instead string `json:"instead"`
	// Allowed is the reason that the file gives for it, "" when it gives none. An allowed finding counts no more.
	Allowed string `json:"allowed,omitempty"`
}

// Count returns how many findings of a severity are not allowed.
func (r *Report) Count(severity Severity) int {
	count := 0
	for _, statement := range r.Statements {
		for _, finding := range statement.Findings {
			if finding.Severity == severity && finding.Allowed == "" {
				count++
			}
		}
	}
	return count
}

// Allowed returns how many findings the files allow.
func (r *Report) Allowed() int {
	count := 0
	for _, statement := range r.Statements {
		for _, finding := range statement.Findings {
			if finding.Allowed != "" {
				count++
			}
		}
	}
	return count
}

// Only returns the report with nothing but the statements that have a finding of at least a severity that is not allowed, and of
// these only such findings.
func (r *Report) Only(severities ...Severity) *Report {
	short := &Report{First: r.First}
	for _, statement := range r.Statements {
		var findings []Finding
		for _, finding := range statement.Findings {
			for _, severity := range severities {
				if finding.Severity == severity && finding.Allowed == "" {
					findings = append(findings, finding)
				}
			}
		}
		if statement.Findings = findings; len(findings) > 0 {
			short.Statements = append(short.Statements, statement)
		}
	}
	return short
}
