package ddlbench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fillGoal is how fast rows are filled beside the traffic, at least, as a share of one UPDATE of the whole table beside the same traffic.
const fillGoal = 0.6

// TestFill fills a column in batches that the application hardly notices, and with one UPDATE, which it does: one that gets a constant where it is empty, in half of
// the rows, and one that gets in every row what a text means as a date. That UPDATE has the server's own idea of what is a date, which takes less time.
func TestFill(t *testing.T) {
	atOnce(t)
	rows := min(rowsOf(t), mostFilled)
	tn := newTenant(t)
	form := tn.load(t, rows)
	plain := tn.plain(t, form, "entries")
	tr := tn.begin(t, form)
	for _, z := range []struct{ name, operation, before, update string }{
		{
			"a constant in half of the rows", `{"op": "set_required", "form": "entries", "field": "region", "value": "none"}`,
			"", "UPDATE " + plain.name + " SET region = 'none' WHERE region IS NULL",
		},
		{
			"a date of a text in all", `{"op": "change_type", "form": "entries", "field": "day", "type": "date"}`,
			"ALTER TABLE " + plain.name + " ADD COLUMN day2 date", "UPDATE " + plain.name + " SET day2 = day::date",
		},
	} {
		tr.aim(form, true)
		var s steps
		ours := tr.over(t, tn, func() {
			opts := tn.options()
			s.watch(&opts)
			tn.apply(t, z.operation, opts)
		})
		require.NoError(t, ours.Err, z.name)
		var filled time.Duration
		for _, step := range s {
			if strings.HasPrefix(step.title, "fill") && filled == 0 { // a second fill is for what was written during the first
				filled = step.rowsFilled
			}
		}
		require.NotZero(t, filled, z.name)
		form = tn.form(t, rows)
		tn.rest(t, form)

		tr.aim(plain, false)
		if z.before != "" {
			_, _ = tr.beside(t, tn, z.before)
		}
		alone, took := tr.beside(t, tn, z.update)
		tn.rest(t, plain)
		ratio := took.Seconds() / filled.Seconds()
		t.Logf("%s, %d rows: ours %.0f rows/s, longest query %s; one UPDATE %.0f rows/s, longest query %s; ratio %.2f, goal ≥ %.1f", z.name,
			rows, float64(rows)/filled.Seconds(), ms(ours.Longest), float64(rows)/took.Seconds(), ms(alone.Longest), ratio, fillGoal)
		if full() && ratio < fillGoal {
			t.Errorf("%s: filling is %.2f as fast as one UPDATE, and should be %.1f", z.name, ratio, fillGoal)
		}
	}
	tr.stop()
}
