package crashtest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Form is how much of the suite runs.
type Form string

// The forms.
const (
	Smoke Form = "smoke" // a few cells, in seconds: part of every run of all tests
	Short Form = "short" // the most dangerous points, and some by lot
	Full  Form = "full"  // everything
)

// FormOf reads the form from CRASH_MATRIX.
func FormOf(t testing.TB) Form {
	t.Helper()
	switch f := os.Getenv("CRASH_MATRIX"); f {
	case "":
		return Smoke
	case string(Short), string(Full):
		return Form(f)
	default:
		require.Fail(t, "CRASH_MATRIX is wrong", "%q is not short or full", f)
		return ""
	}
}

// From skips a test that is not part of smaller forms, and says what runs it.
func From(t testing.TB, least Form) {
	t.Helper()
	order := map[Form]int{Smoke: 0, Short: 1, Full: 2}
	if order[FormOf(t)] < order[least] {
		t.Skipf("runs with CRASH_MATRIX=%s; this is the form %q", least, FormOf(t))
	}
}

// Lot is a source of choices that can be repeated: its seed is logged, and CRASH_SEED sets it.
func Lot(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("CRASH_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err, "CRASH_SEED")
	}
	t.Logf("choices by lot can be repeated with CRASH_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
