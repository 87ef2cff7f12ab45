package provision

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

const (
	// mostKept is how many sessions in tenants' databases are kept open between two runs, and keptFor how long each.
	mostKept = 8
	keptFor  = 30 * time.Second
	// pingTimeout is how long a kept session has to answer before another is opened instead.
	pingTimeout = time.Second
)

// keptSession is a session that nobody uses, and which it is.
type keptSession struct {
	key  string
	conn *pgx.Conn
	// end closes it once it was kept for long enough.
	end *time.Timer
}

// Borrow is [Admin.Connect], or takes a session that [Admin.Return] has kept: whoever changes a form often does so again at once, and a new
// session costs more than the change. Its settings and its role may not be those that it was opened with.
func (a *Admin) Borrow(ctx context.Context, node tenants.Node, database, user, password string, run Run) (*pgx.Conn, error) {
	key := keptKey(node.ID, database, user)
	for {
		conn := a.takeKept(key)
		if conn == nil {
			return a.Connect(ctx, node, database, user, password, run)
		}
		if rename(ctx, conn, sessionName(run)) == nil {
			return conn, nil
		}
		closeConn(conn) // the server has ended it: suspended, rotated, restarted
	}
}

// Return keeps a session that [Admin.Borrow] gave, for as long as somebody may want it again soon. One that is broken, or in the middle of
// something, is closed.
func (a *Admin) Return(node tenants.Node, conn *pgx.Conn) {
	config := conn.Config()
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	if conn.IsClosed() || conn.PgConn().TxStatus() != 'I' || rename(ctx, conn, idleName) != nil {
		closeConn(conn)
		return
	}
	s := &keptSession{key: keptKey(node.ID, config.Database, config.User), conn: conn}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.kept) >= mostKept {
		closeConn(conn)
		return
	}
	s.end = time.AfterFunc(keptFor, func() {
		if a.forget(s) {
			closeConn(conn)
		}
	})
	a.kept = append(a.kept, s)
}

func keptKey(nodeID, database, user string) string { return nodeID + "/" + database + "/" + user }

// takeKept gives a kept session, nil when there is none.
func (a *Admin) takeKept(key string) *pgx.Conn {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range a.kept {
		if s.key == key {
			s.end.Stop()
			a.kept = append(a.kept[:i:i], a.kept[i+1:]...)
			return s.conn
		}
	}
	return nil
}

// forget takes a session out of the kept ones and reports whether it was there.
func (a *Admin) forget(s *keptSession) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, other := range a.kept {
		if other == s {
			a.kept = append(a.kept[:i:i], a.kept[i+1:]...)
			return true
		}
	}
	return false
}

// rename gives a session the name of who uses it, which also shows that it is alive.
func rename(ctx context.Context, conn *pgx.Conn, name string) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	_, err := conn.PgConn().Exec(ctx, "SET application_name = "+tenants.Literal(name)).ReadAll()
	return err //nolint:wrapcheck // whoever gets it opens another
}
