package ddlbench_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fillGoal is how fast rows are filled beside the traffic, at least, as a share of one UPDATE of the whole table beside the same traffic.
const fillGoal = 0.6

// TestFill fills a new column of every row, in batches that the application hardly notices, and with one UPDATE, which it does.
func TestFill(t *testing.T) {
	atOnce(t)
	rows := min(rowsOf(t), mostFilled)
	tn := newTenant(t)
	form := tn.load(t, rows)
	plain := tn.plain(t, form, "entries")
	tr := tn.begin(t, form)

	var s steps
	ours := tr.over(t, tn, func() {
		opts := tn.options()
		s.watch(&opts)
		tn.apply(t, `{"op": "change_type", "form": "entries", "field": "day", "type": "date"}`, opts)
	})
	require.NoError(t, ours.Err)
	var filled float64
	for _, step := range s {
		if strings.HasPrefix(step.title, "fill") && step.batches > 0 {
			filled = float64(step.rows) / step.rowsFilled.Seconds()
		}
	}
	require.NotZero(t, filled)

	tr.aim(plain, false)
	_, _ = tr.beside(t, tn, "ALTER TABLE "+plain.name+" ADD COLUMN day2 date")
	alone, took := tr.beside(t, tn, "UPDATE "+plain.name+" SET day2 = day::date")
	updated := float64(rows) / took.Seconds()
	tr.stop()
	ratio := filled / updated
	t.Logf("%d rows: ours %.0f rows/s, longest query %s; one UPDATE %.0f rows/s, longest query %s; ratio %.2f, goal ≥ %.1f",
		rows, filled, ms(ours.Longest), updated, ms(alone.Longest), ratio, fillGoal)
	if full() && ratio < fillGoal {
		t.Errorf("filling is %.2f as fast as one UPDATE, and should be %.1f", ratio, fillGoal)
	}
}
