package apply

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/migrations/gentle"
)

// Status of a statement in a database's history.
type Status string

const (
	// StatusRunning statements were sent and their outcome is not recorded.
	StatusRunning Status = "running"
	// StatusDone statements took effect.
	StatusDone Status = "done"
)

// Entry is one row of a database's history.
type Entry struct {
	Version string
	// File is the file's name when the statement was applied.
	File string
	// StatementNo counts from 1 within the file.
	StatementNo int
	Hash        string
	Status      Status
	// OperationID is "" when Options had none.
	OperationID string
	// Release is the name of the release that was being applied.
	Release string
	// AppliedAt is in UTC, by this database's clock; for a running statement, when it was begun.
	AppliedAt time.Time
	// Duration is exact to a millisecond, 0 for a running statement.
	Duration time.Duration
}

// history is what a database says of itself.
type history struct {
	// exists is false for a database that nothing was ever applied to.
	exists  bool
	entries []Entry
}

// historyCommand reads what a plan is made of. It ends a part of its own, since it fails on a database without a history.
func historyCommand() gentle.Command {
	return gentle.Command{SQL: entriesSQL + entriesFromSQL, Keep: true, Cut: true}
}

// parseHistory reads the reply to historyCommand.
func parseHistory(r gentle.Reply) (history, error) {
	if isMissing(r.Err) {
		return history{}, nil
	}
	if r.Err != nil {
		return history{}, fmt.Errorf("read history: %w", r.Err)
	}
	h := history{exists: true}
	for _, row := range r.Rows {
		entry, err := parseEntry(row)
		if err != nil {
			return history{}, fmt.Errorf("read history: %w", err)
		}
		h.entries = append(h.entries, entry)
	}
	return h, nil
}

// standing is at which release a database says it stands.
type standing struct {
	release, releaseID string
}

func parseStanding(r gentle.Reply) standing {
	var s standing
	for _, row := range r.Rows {
		switch string(row[0]) {
		case metaRelease:
			s.release = string(row[1])
		case metaReleaseID:
			s.releaseID = string(row[1])
		}
	}
	return s
}

func isMissing(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == pgerrcode.UndefinedTable || pgErr.Code == pgerrcode.InvalidSchemaName)
}

// parseEntry reads a row of entriesSQL, with or without its times.
func parseEntry(row [][]byte) (Entry, error) {
	no, err := strconv.Atoi(string(row[2]))
	if err != nil {
		return Entry{}, fmt.Errorf("statement number: %w", err)
	}
	entry := Entry{
		Version:     string(row[0]),
		File:        string(row[1]),
		StatementNo: no,
		Hash:        string(row[3]),
		Status:      Status(row[4]),
		OperationID: string(row[5]),
		Release:     string(row[6]),
	}
	if len(row) == 7 {
		return entry, nil
	}
	micros, err := strconv.ParseInt(string(row[7]), 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("applied_at: %w", err)
	}
	millis, err := strconv.ParseInt(string(row[8]), 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("duration_ms: %w", err)
	}
	entry.AppliedAt = time.UnixMicro(micros).UTC()
	entry.Duration = time.Duration(millis) * time.Millisecond
	return entry, nil
}
