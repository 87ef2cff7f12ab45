package apply

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/release"
)

// repair knows one sort of statement that runs alone: how to see its effect, and what it leaves when it is interrupted.
type repair interface {
	// look is called before the statement is sent. It reports whether the effect is there already, by an earlier call
	// that the unit resumes, and drops remains that are in the statement's way.
	look(ctx context.Context) (done bool, err error)
	// verify is called after the statement succeeded.
	verify(ctx context.Context) error
	// clear is called after the server refused the statement. It drops remains and reports whether nothing of the
	// statement is left, so that the intent can be taken back.
	clear(ctx context.Context) (clean bool, err error)
}

func (s *session) repairOf(u unit) repair {
	alone := u.alone()
	switch alone.Repair {
	case release.RepairCreateIndex:
		return &createIndexRepair{s: s, table: qualified(alone.Schema, alone.Table), index: alone.Index, resuming: u.resuming}
	case release.RepairDropIndex:
		return &dropIndexRepair{s: s, index: qualified(alone.Schema, alone.Index), resuming: u.resuming}
	case release.RepairReindex:
		return &reindexRepair{s: s, relation: qualified(alone.Schema, alone.Table+alone.Index), resuming: u.resuming}
	case release.RepairRerun:
		return rerunRepair{}
	case release.RepairAsk:
	}
	return askRepair{u: u}
}

// qualified quotes a name that may lack its schema; it is "" when there is no name.
func qualified(schema, name string) string {
	switch {
	case name == "":
		return ""
	case schema == "":
		return pgx.Identifier{name}.Sanitize()
	default:
		return pgx.Identifier{schema, name}.Sanitize()
	}
}

// rerunRepair: the statement does no harm twice and leaves nothing behind.
type rerunRepair struct{}

func (rerunRepair) look(context.Context) (bool, error)  { return false, nil }
func (rerunRepair) verify(context.Context) error        { return nil }
func (rerunRepair) clear(context.Context) (bool, error) { return true, nil }

// askRepair: nobody but a person can tell. A refusal may come after the statement committed a part of its work.
type askRepair struct {
	u unit
}

func (r askRepair) look(context.Context) (bool, error) {
	if !r.u.resuming {
		return false, nil
	}
	statement := r.u.statements[0]
	return false, &UnresolvedError{
		Version:     r.u.file.Version,
		File:        r.u.file.Name,
		Line:        statement.Line,
		StatementNo: statement.No,
		Kind:        statement.Kind,
	}
}

func (askRepair) verify(context.Context) error        { return nil }
func (askRepair) clear(context.Context) (bool, error) { return false, nil }
