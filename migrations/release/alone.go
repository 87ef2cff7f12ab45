package release

// Repair says how to find out, after a crash, whether a statement that runs alone took effect, and what to do.
type Repair string

const (
	// RepairCreateIndex looks at the index: valid and ready means done, invalid means drop it and build again.
	RepairCreateIndex Repair = "create_index"
	// RepairDropIndex looks whether the index is gone.
	RepairDropIndex Repair = "drop_index"
	// RepairReindex drops what an interrupted REINDEX CONCURRENTLY left behind and runs it again.
	RepairReindex Repair = "reindex"
	// RepairRerun runs the statement again: it does no harm twice.
	RepairRerun Repair = "rerun"
	// RepairAsk cannot tell: a person must say whether the statement took effect.
	RepairAsk Repair = "ask"
)

// Alone describes a statement that runs outside of any transaction.
type Alone struct {
	Repair Repair `json:"repair"`
	// Patient statements wait for old transactions on purpose: a lock_timeout would interrupt them half-way and
	// leave an invalid index.
	Patient bool `json:"patient,omitempty"`
	// Schema of the table or index, "" when the file does not name one.
	Schema string `json:"schema,omitempty"`
	// Table is set for RepairCreateIndex, and for RepairReindex of a table.
	Table string `json:"table,omitempty"`
	// Index is set for RepairCreateIndex and RepairDropIndex, and for RepairReindex of an index.
	Index string `json:"index,omitempty"`
}
