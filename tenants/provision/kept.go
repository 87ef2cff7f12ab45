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
)

// keptSession is a session that nobody uses, and which it is.
type keptSession struct {
	key  string
	conn *pgx.Conn
	// end closes it once it was kept for long enough.
	end *time.Timer
}

// Borrowed is a session in a tenant's database, for one run at a time.
type Borrowed struct {
	*pgx.Conn

	// Name is what the run has to call it, before anything else: its older attempts' sessions are found by that.
	Name string
	// IdleName is what the run has to call it when it does not need it any more: nobody shall end it for the run's sake then.
	IdleName string
	// Used says that an earlier run had it. Then it may have ended meanwhile, and its settings and its role may not be those that it was opened with.
	Used bool
}

// Borrow is [Admin.Connect], or takes a session that [Admin.Return] has kept: whoever changes a form often does so again at once, and a new
// session costs more than the change.
func (a *Admin) Borrow(ctx context.Context, node tenants.Node, database, user, password string, run Run) (Borrowed, error) {
	if conn := a.takeKept(keptKey(node.ID, database, user)); conn != nil {
		return Borrowed{Conn: conn, Name: SessionName(run), IdleName: idleName, Used: true}, nil
	}
	conn, err := a.Connect(ctx, node, database, user, password, run)
	return Borrowed{Conn: conn, Name: SessionName(run), IdleName: idleName}, err
}

// Return keeps a session that [Admin.Borrow] gave, for as long as somebody may want it again soon. One that is broken, or in the middle of
// something, or still has the run's name, is closed.
func (a *Admin) Return(node tenants.Node, borrowed Borrowed) {
	conn := borrowed.Conn
	config := conn.Config()
	if conn.IsClosed() || conn.PgConn().TxStatus() != 'I' || conn.PgConn().ParameterStatus("application_name") != borrowed.IdleName {
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
