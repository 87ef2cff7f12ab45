package lint

import (
	"encoding/json"
	"fmt"
)

// LockMode is a table-level lock of PostgreSQL. Greater ones conflict with more.
type LockMode int

// The modes by strength, and what of the running code waits for each.
const (
	NoLock               LockMode = iota
	AccessShare                   // nothing but ACCESS EXCLUSIVE
	RowShare                      //
	RowExclusive                  //
	ShareUpdateExclusive          // other schema changes and VACUUM
	Share                         // writes
	ShareRowExclusive             // writes
	Exclusive                     // writes
	AccessExclusive               // reads and writes
)

var lockNames = [...]string{
	"", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE",
}

// String is the mode as the SQL command LOCK writes it, "" for none.
func (m LockMode) String() string { return lockNames[m] }

// MarshalJSON writes the mode's name.
func (m LockMode) MarshalJSON() ([]byte, error) {
	return json.Marshal(m.String()) //nolint:wrapcheck // a string cannot fail
}

// UnmarshalJSON reads a mode's name.
func (m *LockMode) UnmarshalJSON(text []byte) error {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return fmt.Errorf("read lock mode: %w", err)
	}
	for mode, known := range lockNames {
		if known == name {
			*m = LockMode(mode)
			return nil
		}
	}
	return fmt.Errorf("read lock mode: there is no mode %q", name)
}

// BlocksWrites reports whether INSERT, UPDATE and DELETE wait for the lock.
func (m LockMode) BlocksWrites() bool { return m >= Share }

// blocked says what of the running code waits for the lock.
func (m LockMode) blocked() string {
	switch {
	case m == AccessExclusive:
		return "reads and writes"
	case m.BlocksWrites():
		return "writes"
	default:
		return "no reads and no writes"
	}
}
