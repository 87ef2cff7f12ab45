package apply

import (
	"fmt"

	"github.com/avenit/tenantry/migrations/release"
)

// unit is what takes effect together: a file that runs in a transaction, or one statement of a file that does not.
type unit struct {
	file       *release.File
	statements []release.Statement
	// resuming: the history has the unit's one statement as running.
	resuming bool
	// last: the database stands at the release once the unit is recorded.
	last bool
}

// alone returns how the unit's statement runs outside of a transaction, nil when the unit runs in one.
func (u unit) alone() *release.Alone {
	if u.file.Transactional {
		return nil
	}
	return u.statements[0].Alone
}

// plan is what is left to do.
type plan struct {
	units []unit
	// pending is the number of statements in all units.
	pending int
	// standing reports whether the database already says that it stands at the release.
	standing bool
}

// entryKey identifies a statement in a history.
type entryKey struct {
	version string
	no      int
}

// compare is pure: it lines a history up with a release and returns what is left to do, or a [*DivergedError].
func compare(rel *release.Release, h history) (plan, error) {
	entries := make(map[entryKey]Entry, len(h.entries))
	for _, entry := range h.entries {
		entries[entryKey{entry.Version, entry.StatementNo}] = entry
	}
	if err := findUnknown(rel, h); err != nil {
		return plan{}, err
	}
	p := plan{standing: h.release == rel.Name && h.releaseID == rel.ID}
	var missing *DivergedError
	for i := range rel.Files {
		file := &rel.Files[i]
		done, running := 0, false
		for _, statement := range file.Statements {
			entry, found := entries[entryKey{file.Version, statement.No}]
			where := DivergedError{Release: rel.Name, Version: file.Version, File: file.Name, StatementNo: statement.No}
			switch {
			case !found:
				if missing == nil {
					missing = where.with("is not applied, but a later one is")
				}
				continue
			case entry.Hash != statement.Hash:
				return plan{}, where.with(fmt.Sprintf("was applied with other text (hash %.12s, in the release %.12s)", entry.Hash, statement.Hash))
			case missing != nil:
				return plan{}, missing
			}
			if entry.Status == StatusDone {
				done++
				continue
			}
			if file.Transactional || statement.Alone == nil {
				return plan{}, where.with("was begun outside of a transaction, the release runs it in one")
			}
			running = true
			missing = where.with("is not finished, but a later one is applied")
		}
		if file.Transactional && done > 0 && done < len(file.Statements) {
			where := DivergedError{Release: rel.Name, Version: file.Version, File: file.Name, StatementNo: done + 1}
			return plan{}, where.with(fmt.Sprintf("is not applied, but %d before it in the same transaction are", done))
		}
		p.add(file, done, running)
	}
	if len(p.units) > 0 {
		p.units[len(p.units)-1].last = true
	}
	return p, nil
}

// findUnknown reports the first entry that the release has no statement for.
func findUnknown(rel *release.Release, h history) error {
	known := make(map[string]int, len(rel.Files))
	for _, file := range rel.Files {
		known[file.Version] = len(file.Statements)
	}
	for _, entry := range h.entries {
		count, found := known[entry.Version]
		if found && entry.StatementNo >= 1 && entry.StatementNo <= count {
			continue
		}
		where := DivergedError{Release: rel.Name, Version: entry.Version, File: entry.File, StatementNo: entry.StatementNo}
		return where.with(fmt.Sprintf("is applied (by release %s), but the release does not have it", entry.Release))
	}
	return nil
}

// add appends what is left of a file.
func (p *plan) add(file *release.File, done int, running bool) {
	left := file.Statements[done:]
	p.pending += len(left)
	if file.Transactional {
		if len(left) > 0 {
			p.units = append(p.units, unit{file: file, statements: left})
		}
		return
	}
	for i := range left {
		p.units = append(p.units, unit{file: file, statements: left[i : i+1], resuming: running && i == 0})
	}
}
