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
}

// entryKey identifies a statement in a history.
type entryKey struct {
	version string
	no      int
}

// compare is pure: it lines a history up with a release and returns what is left to do, or a [*DivergedError].
func compare(rel *release.Release, h history) (plan, error) {
	if err := findUnknown(rel, h); err != nil {
		return plan{}, err
	}
	c := comparison{rel: rel, entries: make(map[entryKey]Entry, len(h.entries))}
	for _, entry := range h.entries {
		c.entries[entryKey{entry.Version, entry.StatementNo}] = entry
	}
	var p plan
	for i := range rel.Files {
		file := &rel.Files[i]
		done, running, err := c.file(file)
		if err != nil {
			return plan{}, err
		}
		p.add(file, done, running)
	}
	if len(p.units) > 0 {
		p.units[len(p.units)-1].last = true
	}
	return p, nil
}

// comparison goes through a release's statements in order.
type comparison struct {
	rel     *release.Release
	entries map[entryKey]Entry
	// unfinished is the first statement that is not done, worded for the case that a later one is.
	unfinished *DivergedError
}

// file returns how many of a file's statements are done, and whether the next one is running.
func (c *comparison) file(file *release.File) (done int, running bool, err error) {
	for _, statement := range file.Statements {
		entry, found := c.entries[entryKey{file.Version, statement.No}]
		diverged := func(reason string) *DivergedError {
			return &DivergedError{Release: c.rel.Name, Version: file.Version, File: file.Name, StatementNo: statement.No, Reason: reason}
		}
		switch {
		case !found:
			if file.Transactional && done > 0 {
				return 0, false, diverged(fmt.Sprintf("is not applied, but %d before it in the same transaction are", done))
			}
			if c.unfinished == nil {
				c.unfinished = diverged("is not applied, but a later one is")
			}
		case entry.Hash != statement.Hash:
			return 0, false, diverged(fmt.Sprintf("was applied with other text (hash %.12s, in the release %.12s)", entry.Hash, statement.Hash))
		case c.unfinished != nil:
			return 0, false, c.unfinished
		case entry.Status == StatusDone:
			done++
		case file.Transactional || statement.Alone == nil:
			return 0, false, diverged("was begun outside of a transaction, the release runs it in one")
		default:
			running = true
			c.unfinished = diverged("is not finished, but a later one is applied")
		}
	}
	return done, running, nil
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
		return &DivergedError{
			Release: rel.Name, Version: entry.Version, File: entry.File, StatementNo: entry.StatementNo,
			Reason: fmt.Sprintf("is applied (by release %s), but the release does not have it", entry.Release),
		}
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
