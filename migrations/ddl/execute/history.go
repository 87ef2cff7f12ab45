package execute

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// Entry is one change of the tenant's history.
type Entry struct {
	Number      int64      `json:"number"`
	OperationID string     `json:"operation_id"`
	RequestedBy string     `json:"requested_by"`
	State       string     `json:"state"` // applying, done, undoing, undone
	Change      ddl.Change `json:"change"`
	// Inverse takes it back, nil when nothing does.
	Inverse *ddl.Change `json:"inverse,omitempty"`
	// Forms it touched, with their versions afterwards.
	Forms map[string]int64 `json:"forms"`
	// Why it was undone, nil when it was not.
	Why       *UndoneError `json:"why,omitempty"`
	StartedAt time.Time    `json:"started_at"`
	EndedAt   *time.Time   `json:"ended_at,omitempty"`
}

// MostHistory is how many changes History reads at most.
const MostHistory = 10_000

// History reads a tenant's newest changes, the newest first; limit is at most MostHistory. The connection's role must be
// the tenant's owner, or its migrator.
func History(ctx context.Context, conn *pgx.Conn, limit int) ([]Entry, error) {
	replies, err := gentle.Exchange(ctx, conn, []gentle.Command{
		{SQL: standSQL, Keep: true, Cut: true},
		{SQL: historySQL, Args: []string{strconv.Itoa(min(limit, MostHistory))}, Keep: true, Cut: true},
	})
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	if replies[0].Err == nil && replies[0].Text(0) != "t" {
		return nil, nil
	}
	if err := replies[1].Err; err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	list := make([]Entry, 0, len(replies[1].Rows))
	for _, row := range replies[1].Rows {
		e, err := parseEntry(row)
		if err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
		list = append(list, e)
	}
	return list, nil
}

func parseEntry(row [][]byte) (Entry, error) {
	e := Entry{OperationID: string(row[1]), RequestedBy: string(row[2]), State: string(row[3])}
	var err error
	if e.Number, err = strconv.ParseInt(string(row[0]), 10, 64); err != nil {
		return e, fmt.Errorf("number: %w", err)
	}
	for _, part := range []struct {
		text []byte
		into any
	}{{row[4], &e.Change}, {row[5], &e.Inverse}, {row[6], &e.Forms}, {row[7], &e.Why}} {
		if len(part.text) > 0 {
			if err := json.Unmarshal(part.text, part.into); err != nil {
				return e, fmt.Errorf("change %d: %w", e.Number, err)
			}
		}
	}
	if e.StartedAt, err = parseTime(row[8]); err != nil {
		return e, err
	}
	if row[9] != nil {
		ended, err := parseTime(row[9])
		e.EndedAt = &ended
		return e, err
	}
	return e, nil
}

func parseTime(text []byte) (time.Time, error) {
	us, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time: %w", err)
	}
	return time.UnixMicro(us).UTC(), nil
}
