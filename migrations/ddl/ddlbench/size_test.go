package ddlbench_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// goal is the longest that a query of the application may take while a change is made.
const goal = 300 * time.Millisecond

// full says that this is a measurement, which fails where a goal is missed. Among all tests the processors are everybody's, and only
// values and errors count.
func full() bool { return os.Getenv("TENANTRY_DDL_BENCH") == "full" }

// besidePlain says whether each change is held against plain statements that do the same to a table of the same size. DDL_PLAIN=none leaves that out, and half of the time and room.
func besidePlain() bool { return os.Getenv("DDL_PLAIN") != "none" }

// chosen are the changes that are made: all, or those whose names DDL_CHANGES matches.
func chosen(t *testing.T) []measured {
	t.Helper()
	pattern, err := regexp.Compile(os.Getenv("DDL_CHANGES"))
	require.NoError(t, err, "DDL_CHANGES")
	return slices.DeleteFunc(slices.Clone(changes), func(c measured) bool { return !pattern.MatchString(c.name) })
}

const (
	smallRows = 30_000
	// mostFilled bounds what TestFill loads six times.
	mostFilled = 5_000_000
)

// rowsOf reads the table's size from DDL_ROWS.
func rowsOf(t *testing.T) int {
	t.Helper()
	given := os.Getenv("DDL_ROWS")
	if given == "" {
		return smallRows
	}
	rows, err := strconv.Atoi(given)
	require.NoError(t, err, "DDL_ROWS")
	return rows
}

// atOnce lets tests run beside each other where nothing is measured.
func atOnce(t *testing.T) {
	t.Helper()
	if !full() {
		t.Parallel()
	}
}

func ms(d time.Duration) string {
	if d < 10*time.Millisecond {
		return strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64) + " ms"
	}
	if d < 10*time.Second {
		return strconv.FormatFloat(d.Seconds()*1000, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 0, 64) + " s"
}
