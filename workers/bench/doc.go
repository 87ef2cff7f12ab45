// Package bench measures Tenantry against a bare loop that does the same SQL, and against what people use today, both
// sides in one run: make bench prints the table. Ratios hold on any machine, wall times alone do not.
//
// TENANTRY_BENCH=full measures at full size and fails where a goal is missed; without it, as in make test-more, the same code runs small, to show
// that it works.
package bench
