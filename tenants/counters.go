package tenants

import "fmt"

// Counters are what a server has counted of the changes in a database since it exists: every row that was written, of its catalogs as well. Since PostgreSQL
// 15 none is lost on the way (before, each session sent them in datagrams): a session adds up its own at the end of each command, within a minute at the latest.
// See pgstat_report_stat in PostgreSQL's src/backend/utils/activity/pgstat.c.
type Counters struct {
	Server   int   `json:"server"`   // as server_version_num
	Database int64 `json:"database"` // its oid
	// Lineage is since when the server's statistics go on without a break, which a crash makes; Reset is when somebody has set the database's to zero.
	Lineage  string `json:"lineage"`
	Reset    string `json:"reset,omitempty"`
	Inserted int64  `json:"inserted"`
	Updated  int64  `json:"updated"`
	Deleted  int64  `json:"deleted"`
	// Complete says that no setting keeps a session of the database from counting.
	Complete bool `json:"complete"`
}

const (
	// countersSince is the first version whose counters are believed.
	countersSince = 150_000
	// serverMajor divides server_version_num into the major version and the rest.
	serverMajor = 10_000
)

// Changed says in words why the database may have changed between c and now; "" is that no row of it has. What is not counted are values of sequences.
func (c Counters) Changed(now Counters) string {
	switch {
	case c.Server < countersSince || now.Server < countersSince:
		return "servers before PostgreSQL 15 may lose what they count"
	case !c.Complete || !now.Complete:
		return "track_counts is off somewhere, so not every change is counted"
	case c.Server/serverMajor != now.Server/serverMajor:
		return "the server has another version"
	case c.Database != now.Database:
		return "it is another database"
	case c.Lineage == "" || c.Lineage != now.Lineage || c.Reset != now.Reset:
		return "the server has begun to count anew: it crashed, or another one took over"
	case c.Inserted != now.Inserted || c.Updated != now.Updated || c.Deleted != now.Deleted:
		return fmt.Sprintf("%d rows were inserted, %d updated, %d deleted, those of catalogs among them",
			now.Inserted-c.Inserted, now.Updated-c.Updated, now.Deleted-c.Deleted)
	}
	return ""
}
