package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Policy is how a rollout goes on and when it stops. The zero value is filled in by WithDefaults.
type Policy struct {
	// Waves are the shares of the fleet, in percent, that have had their turn when each wave ends; they grow, and the last is 100.
	// Defaults to 1, 10, 50, 100.
	Waves []float64 `json:"waves"`
	// Canary names tenants (slugs) that come in a wave of their own, before the others. Defaults to none.
	Canary []string `json:"canary,omitempty"`
	// Bake is the time between two waves. Defaults to 10 minutes; negative is none.
	Bake time.Duration `json:"bake_ns"`
	// Parallel is how many tenants of one node are under way at a time. 0 leaves it to each node: see [Pace].
	Parallel int `json:"parallel"`
	// MaxFailures is how many tenants may fail, as a number and as a share of those that were to be changed, whichever is more, before
	// the rollout pauses. In the first wave of several, none may. Defaults to 2, or 1 %.
	MaxFailures Failures `json:"max_failures"`
	// Gate is a query on the control database that is asked after every wave but the last. It goes on when the first column of
	// its only row is true. Defaults to "": no gate.
	Gate string `json:"gate,omitempty"`
	// OnError is what failures do. Defaults to PauseOnError.
	OnError OnError `json:"on_error"`
}

// OnError says what failures do to a rollout.
type OnError string

// What failures do.
const (
	PauseOnError    OnError = "pause"    // beyond the budget, or when they are systemic
	ContinueOnError OnError = "continue" // never
)

// Failures is a budget: the larger of a number and a share counts. The zero value is not set; NoFailures is none.
type Failures struct {
	Count   int     `json:"count"` // -1 is none
	Percent float64 `json:"percent"`
}

// NoFailures is the budget of a rollout that pauses at the first failure.
var NoFailures = Failures{Count: -1}

// WithDefaults fills in what is not set.
func (p Policy) WithDefaults() Policy {
	if len(p.Waves) == 0 {
		p.Waves = []float64{1, 10, 50, 100}
	}
	if p.Bake == 0 {
		p.Bake = 10 * time.Minute
	}
	p.Bake = max(p.Bake, 0)
	if p.MaxFailures == (Failures{}) {
		p.MaxFailures = Failures{Count: 2, Percent: 1}
	}
	if p.OnError == "" {
		p.OnError = PauseOnError
	}
	return p
}

// Validate says which field cannot be right.
func (p Policy) Validate() error {
	last := 0.0
	for _, share := range p.Waves {
		if share <= last || share > 100 {
			return fmt.Errorf("waves: %s does not grow from above 0 to 100", wavesText(p.Waves))
		}
		last = share
	}
	if last != 100 {
		return fmt.Errorf("waves: %s does not end with 100%%", wavesText(p.Waves))
	}
	if p.Parallel < 0 || p.Parallel > 1000 {
		return fmt.Errorf("parallel: %d is not from 0 to 1000", p.Parallel)
	}
	if p.MaxFailures.Count < NoFailures.Count || p.MaxFailures.Percent < 0 || p.MaxFailures.Percent > 100 {
		return fmt.Errorf("max-failures: %s is neither a number nor a share of at most 100%%", p.MaxFailures)
	}
	if p.OnError != PauseOnError && p.OnError != ContinueOnError {
		return fmt.Errorf("on-error: %q is neither pause nor continue", p.OnError)
	}
	return nil
}

// String gives a budget as ParseFailures reads it.
func (f Failures) String() string {
	switch {
	case f == NoFailures:
		return "no"
	case f.Percent == 0:
		return strconv.Itoa(f.Count)
	case f.Count == 0:
		return share(f.Percent)
	default:
		return strconv.Itoa(f.Count) + " or " + share(f.Percent)
	}
}

// of is how many of n tenants may fail.
func (f Failures) of(n int) int {
	return max(f.Count, 0, int(float64(n)*f.Percent/100))
}

// ParseFailures reads "3" or "2%".
func ParseFailures(text string) (Failures, error) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		value, err := strconv.ParseFloat(percent, 64)
		if err != nil || value < 0 || value > 100 {
			return Failures{}, fmt.Errorf("%q is no share from 0%% to 100%%", text)
		}
		if value == 0 {
			return NoFailures, nil
		}
		return Failures{Percent: value}, nil
	}
	count, err := strconv.Atoi(text)
	if err != nil || count < 0 {
		return Failures{}, fmt.Errorf("%q is neither a number such as 3 nor a share such as 2%%", text)
	}
	if count == 0 {
		return NoFailures, nil
	}
	return Failures{Count: count}, nil
}

// ParseWaves reads "1%,10%,50%,100%".
func ParseWaves(text string) ([]float64, error) {
	var waves []float64
	for item := range strings.SplitSeq(text, ",") {
		value, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(item), "%"), 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no share such as 10%%", item)
		}
		waves = append(waves, value)
	}
	return waves, nil
}

func share(percent float64) string { return strconv.FormatFloat(percent, 'f', -1, 64) + "%" }

func wavesText(waves []float64) string {
	list := make([]string, len(waves))
	for i, w := range waves {
		list[i] = share(w)
	}
	return strings.Join(list, ",")
}
