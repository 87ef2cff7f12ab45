package tenants

// Work is what was done in a database in some time, as its server counts it.
type Work struct {
	Transactions int64 `json:"transactions"` // committed or not
	RowsWritten  int64 `json:"rows_written"` // inserted, updated, deleted, those of catalogs as well
	RowsRead     int64 `json:"rows_read"`
	Sessions     int64 `json:"sessions"` // begun
}

// Activity is what a server has counted in a database since it exists, or since the server has begun to count anew.
type Activity struct {
	Work

	Database int64 `json:"database"` // its oid
	// Lineage and Reset are as in [Counters].
	Lineage string `json:"lineage"`
	Reset   string `json:"reset"`
}

// Since is the work between an earlier look and this one. It is never negative, and never more than there was: after the server has begun to count anew, what it had
// counted until then is lost, and whole is false. known is false where it is about another database: what was done in that before is nobody's.
func (a Activity) Since(earlier Activity) (w Work, whole, known bool) {
	if a.Database != earlier.Database {
		return Work{}, false, false
	}
	whole = a.Lineage == earlier.Lineage && a.Reset == earlier.Reset
	// Where only the marks are others, the counters may go on all the same, or have been at nothing and come further since: the difference is in both cases no more than there was.
	then := earlier.Work
	if a.less(earlier.Work) {
		then, whole = Work{}, false
	}
	return Work{
		Transactions: a.Transactions - then.Transactions,
		RowsWritten:  a.RowsWritten - then.RowsWritten,
		RowsRead:     a.RowsRead - then.RowsRead,
		Sessions:     a.Sessions - then.Sessions,
	}, whole, true
}

// less says that something was counted less far than before.
func (w Work) less(than Work) bool {
	return w.Transactions < than.Transactions || w.RowsWritten < than.RowsWritten || w.RowsRead < than.RowsRead || w.Sessions < than.Sessions
}
