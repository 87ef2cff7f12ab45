package crash_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// takeover is how soon another worker must go on with an operation whose worker was killed.
const takeover = 30 * time.Second

// cell is one crash: a kind of operation, and the point at which its worker is killed.
type cell struct {
	kind, point string
}

// dangerous cells are in every short run: half-made things that the registry must find again, and the gap between an effect and
// its record.
var dangerous = []cell{
	{"provision", "build.roles.intent"},
	{"provision", "build.database.created"},
	{"provision", "build.contents.after"},
	{"provision", "operation.settle.before"},
	{"provision", "operation.settle.within"},
	{"provision", "operation.settle.after"},
	{"first", "template.database.created"},
	{"first", "template.schema.after"},
	{"first", "template.close.after"},
	{"first", "apply.alone.effect"},
	{"migrate", "apply.tx.executed"},
	{"migrate", "apply.tx.committed"},
	{"migrate", "apply.alone.cleared"},
	{"migrate", "apply.alone.effect"},
	{"suspend", "fence.closed"},
	{"purge", "drop.database.after"},
	{"purge", "operation.settle.before"},
	{"rotate", "build.roles.intent"},
	{"retire", "drop.database.before"},
	{"form", "ddl.committed"},
	{"change", "ddl.fill.batch"},
	{"change", "ddl.index.effect"},
	{"change", "ddl.committed"},
	{"cancel", "ddl.undo.step"},
	{"backup", "backup.data.within"},
	{"backup", "backup.manifest.after"},
	{"aside", "copy.created"},
	{"aside", "backup.data.within"},
	{"verify", "restore.data.after"},
	{"restore", "restore.data.after"},
	{"expire", "expire.manifest.after"},
	{"in-place", "swap.closed"},
	{"undo", "swap.open"},
	{"rescue", "swap.closed"},
	{"look", "look.rows.within"},
	{"look", "look.committed"},
	{"export", "export.rows.within"},
	{"export", "export.written.after"},
	{"import", "import.rows.after"},
}

// smoke is what runs with all other tests.
var smoke = []cell{
	{"provision", "build.database.created"},
	{"purge", "drop.database.after"},
	{"rotate", "build.roles.intent"},
}

// byLot is how many more cells a short run draws.
const byLot = 4

// chosen gives the cells of a form, and how many there are in all.
func chosen(t *testing.T) (cells []cell, of int) {
	t.Helper()
	var every []cell
	for _, k := range kinds() {
		for _, point := range k.points {
			every = append(every, cell{k.name, point})
		}
	}
	for _, c := range slices.Concat(dangerous, smoke) {
		require.Contains(t, every, c)
	}
	switch crashtest.FormOf(t) {
	case crashtest.Full:
		return every, len(every)
	case crashtest.Short:
		rest := slices.DeleteFunc(slices.Clone(every), func(c cell) bool { return slices.Contains(dangerous, c) })
		lot := crashtest.Lot(t)
		lot.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		return slices.Concat(dangerous, rest[:byLot]), len(every)
	case crashtest.Smoke:
	}
	return smoke, len(every)
}

// tally is what a run of the matrix has seen.
type tally struct {
	mu      sync.Mutex
	cells   int
	longest time.Duration
	where   cell
}

func (y *tally) add(c cell, took time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.cells++
	if took >= y.longest {
		y.longest, y.where = took, c
	}
}

func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	cells, of := chosen(t)
	t.Logf("form %s: %d of %d cells", crashtest.FormOf(t), len(cells), of)
	begun := time.Now()
	var seen tally
	t.Cleanup(func() {
		t.Logf("ran %d of %d cells in %s; the longest takeover took %s (%s at %s)", seen.cells, of, time.Since(begun).Round(time.Second),
			seen.longest.Round(time.Millisecond), seen.where.kind, seen.where.point)
	})
	for _, k := range kinds() {
		var points []string
		for _, c := range cells {
			if c.kind == k.name {
				points = append(points, c.point)
			}
		}
		if len(points) == 0 {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			k.crashAt(t, points, &seen)
		})
	}
}

// crashAt runs the cells of one kind, one after the other, on one fleet.
func (k kind) crashAt(t *testing.T, points []string, seen *tally) {
	t.Helper()
	s := newScene(t)
	if k.need != nil {
		names := make([]string, len(points))
		for i, point := range points {
			names[i] = cellName(k.name, point)
		}
		withWorker(t, s, func() { k.need(t, s, names) })
	}
	for _, point := range points {
		ok := t.Run(point, func(t *testing.T) {
			seen.add(cell{k.name, point}, k.crash(t, s, point))
		})
		if !ok {
			return // what a failed cell leaves would be blamed on the next
		}
	}
	crashtest.Holds(t, s, crashtest.Expect{Ended: cancelled(t, s)})
}

// cancelled are the operations that the scene has cancelled.
func cancelled(t *testing.T, s *crashtest.Scene) map[string]string {
	t.Helper()
	ended := map[string]string{}
	for _, id := range value[[]string](t, s, `SELECT coalesce(array_agg(id), '{}') FROM tenantry.operations WHERE cancel_asked`) {
		ended[id] = string(jobs.StateCancelled)
	}
	return ended
}

// crash is one cell. It returns how long the operation was without a worker.
func (k kind) crash(t *testing.T, s *crashtest.Scene, point string) time.Duration {
	t.Helper()
	name := cellName(k.name, point)
	if k.before != nil {
		k.before(t, s, name, point)
	}
	id := k.ask(t, s, name, point)
	a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint="+point)
	require.NoError(t, a.Await(ended(t, s, id)))
	a.Kill()
	killed := time.Now()
	before := operation(t, s, id)
	if k.meanwhile != nil {
		k.meanwhile(t, s, name)
	}

	b := program(t).Start(t, s.Fleet, "B", longLease)
	took := takenOver(t, s, before, killed)
	k.judge(t, s, id, name, point, 1)
	b.Stop(t)
	return took
}

// judge waits for the end of a cell's operation and looks whether everything is as it must be, after so many deaths of its workers at most.
func (k kind) judge(t *testing.T, s *crashtest.Scene, id, name, point string, deaths int) {
	t.Helper()
	op := s.Fleet.Ends(t, id)
	require.Equal(t, cmp.Or(k.state, jobs.StateSucceeded), op.State, "%+v", op.Error)
	require.LessOrEqual(t, op.Reaps, deaths)
	db := databaseOfOperation(t, s, id)
	crashtest.Holds(t, s, crashtest.Expect{Deep: []string{db.ID}, Ended: cancelled(t, s)})
	require.Equal(t, k.database, db.State)
	if k.tenant != "" {
		tenant := s.Fleet.Tenant(t, *op.TenantID)
		require.Equal(t, k.tenant, tenant.State)
		want := fleettest.Release
		switch {
		case point == pointRelease:
			want = renamedRelease
		case k.release != "":
			want = k.release
		}
		require.Equal(t, want, tenant.Release)
	}
	if k.after != nil {
		k.after(t, s, name)
	}
}

// cellName names what a cell works on.
func cellName(kind, point string) string {
	return kind + "-" + strings.NewReplacer(".", "-", "#", "-").Replace(point)
}

// ended tells a wait for a crash point that the operation has ended without passing it.
func ended(t *testing.T, s *crashtest.Scene, id string) func() error {
	t.Helper()
	return func() error {
		op, err := s.Fleet.Jobs.Get(t.Context(), id)
		if err == nil && (op.State.Final() || op.State == jobs.StateParked) {
			return fmt.Errorf("operation %s is %s and did not pass the point: %+v", id, op.State, op.Error)
		}
		return nil
	}
}

// takenOver waits until another worker runs an operation, and says how long after the kill that was. An operation that had
// ended needs no other worker.
func takenOver(t *testing.T, s *crashtest.Scene, before jobs.Operation, killed time.Time) time.Duration {
	t.Helper()
	if before.State.Final() {
		return 0
	}
	eventually(t, "no other worker takes the operation over", func() bool {
		return operation(t, s, before.ID).Attempt > before.Attempt
	})
	took := time.Since(killed)
	require.LessOrEqual(t, took, takeover)
	return took
}

// TestEveryPoint: each point of the program is passed by some kind, so that a new one cannot be forgotten.
func TestEveryPoint(t *testing.T) {
	t.Parallel()
	points, err := program(t).Points(t.Context())
	require.NoError(t, err)
	passed := map[string]bool{}
	for _, k := range kinds() {
		for _, point := range k.points {
			name, _, _ := strings.Cut(point, "#")
			passed[name] = true
			require.Contains(t, points, name, "kind %s passes a point that the program does not have", k.name)
		}
	}
	for _, point := range slices.Concat(rolloutPoints(points), adoptPoints, giveUpPoints, schedulePoints, returnPoints, aggregatePoints) {
		name, _, _ := strings.Cut(point, "#")
		passed[name] = true
	}
	for _, point := range points {
		require.True(t, passed[point], "no kind of the matrix passes the point %s: add it to kinds", point)
	}
}
