package apply

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// planRelease has two transactional files of two statements around a file of two that run one by one.
func planRelease() *release.Release {
	file := func(version string, transactional bool, hashes ...string) release.File {
		f := release.File{Version: version, Name: version + ".sql", Transactional: transactional}
		for i, hash := range hashes {
			s := release.Statement{No: i + 1, Hash: hash}
			if !transactional {
				s.Alone = &release.Alone{Repair: release.RepairAsk}
			}
			f.Statements = append(f.Statements, s)
		}
		return f
	}
	return &release.Release{Name: "r", ID: "rel_r", Files: []release.File{
		file("1", true, "a", "b"), file("2", false, "c", "d"), file("3", true), file("4", true, "e", "f"),
	}}
}

func done(version string, no int, hash string) Entry {
	return Entry{Version: version, File: version + ".sql", StatementNo: no, Hash: hash, Status: StatusDone, Release: "old"}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	all := []Entry{done("1", 1, "a"), done("1", 2, "b"), done("2", 1, "c"), done("2", 2, "d"), done("4", 1, "e"), done("4", 2, "f")}
	running := done("2", 1, "c")
	running.Status = StatusRunning
	tests := map[string]struct {
		entries  []Entry
		units    int
		pending  int
		resuming bool
	}{
		"nothing applied":            {nil, 4, 6, false},
		"first file applied":         {all[:2], 3, 4, false},
		"within the second":          {all[:3], 2, 3, false},
		"running":                    {[]Entry{all[0], all[1], running}, 3, 4, true},
		"everything applied":         {all, 0, 0, false},
		"order of rows is no matter": {[]Entry{all[1], all[0]}, 3, 4, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := compare(planRelease(), history{entries: test.entries})
			require.NoError(t, err)
			require.Len(t, p.units, test.units)
			require.Equal(t, test.pending, p.pending)
			for i, u := range p.units {
				require.Equal(t, i == len(p.units)-1, u.last)
				require.Equal(t, i == 0 && test.resuming, u.resuming)
			}
		})
	}
}

func TestCompareDiverged(t *testing.T) {
	t.Parallel()
	running := done("1", 1, "a")
	running.Status = StatusRunning
	tests := map[string]struct {
		entries []Entry
		want    string
	}{
		"changed":       {[]Entry{done("1", 1, "a"), done("1", 2, "x")}, "1.sql, statement 2 was applied with other text (hash x, in the release b)"},
		"unknown file":  {[]Entry{done("9", 1, "a")}, "9.sql, statement 1 is applied (by release old), but the release does not have it"},
		"one too many":  {[]Entry{done("1", 3, "a")}, "1.sql, statement 3 is applied (by release old), but the release does not have it"},
		"gap":           {[]Entry{done("2", 1, "c")}, "1.sql, statement 1 is not applied, but a later one is"},
		"half":          {[]Entry{done("1", 1, "a")}, "1.sql, statement 2 is not applied, but 1 before it in the same transaction are"},
		"running in tx": {[]Entry{running}, "1.sql, statement 1 was begun outside of a transaction, the release runs it in one"},
		"behind running": {
			[]Entry{done("1", 1, "a"), done("1", 2, "b"), {Version: "2", StatementNo: 1, Hash: "c", Status: StatusRunning}, done("2", 2, "d")},
			"2.sql, statement 1 is not finished, but a later one is applied",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compare(planRelease(), history{entries: test.entries})
			require.ErrorIs(t, err, ErrDiverged)
			require.EqualError(t, err, "the database's history diverges from the release r: "+test.want)
			require.Equal(t, gentle.Permanent, gentle.Classify(err))
		})
	}
}
