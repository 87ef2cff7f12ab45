package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// View is a rollout as it is now.
type View struct {
	State  State
	Reason Reason
	// Wave is the present one, from 0, of Waves.
	Wave, Waves int
	// BakeUntil is when the next wave may begin, in state Baking.
	BakeUntil time.Time
	// Gated: the present wave's gate has let it through.
	Gated bool
	// AbortAsked: a person has cancelled the rollout's operation.
	AbortAsked bool
	Policy     Policy
	// Nodes count the present wave's pending tenants, and those under way of every wave.
	Nodes []NodeLoad
	// Failures that count, by what failed.
	Failures []Failure
	// Changing is how many tenants the rollout was to change, those that are skipped not counted.
	Changing int
	// Exceptions is how many ended otherwise than done or skipped because they were up to date.
	Exceptions int
}

// NodeLoad is what a rollout has on a node.
type NodeLoad struct {
	Node     string
	Pending  int // of the present wave
	Applying int
	Limit    int // of Applying, by the node's pace; a policy that says a number overrules it
}

// limit is how many tenants of a node may be under way.
func (p Policy) limit(n NodeLoad) int {
	if p.Parallel > 0 {
		return p.Parallel
	}
	return n.Limit
}

// Failure is a way in which tenants failed, and how many did.
type Failure struct {
	Code      string // SQLSTATE, or a word
	Statement string // file and line, "" when it is not known
	Tenants   int
}

// Decision is what to do next. Exactly one of its parts says something, or none: then there is nothing to do until something happens.
type Decision struct {
	// Begin says with how many more tenants to begin on which node.
	Begin []NodeLoad // Pending is how many
	// Recall what was asked for and does not run yet.
	Recall bool
	// AskGate asks the gate whether the present wave may be the past.
	AskGate bool
	// To is the new state; Wave and Reason with it.
	To     State
	Wave   int
	Reason Reason
	Detail string
}

// Decide says what to do with a rollout. It is the whole state machine.
//
//   - Nobody begins unless the rollout runs.
//   - Failures are looked at before anything else, so that no tenant begins after the one that was too much.
//   - A wave is over when nobody of it is pending and nobody at all is under way.
//   - A rollout that is not aborted ends only after its last wave.
func Decide(v View, now time.Time) Decision {
	applying, pending := 0, 0
	for _, n := range v.Nodes {
		applying += n.Applying
		pending += n.Pending
	}
	switch {
	case v.State.Final():
		return Decision{}
	case v.State == Aborting:
		return aborting(v, applying)
	case v.AbortAsked:
		return Decision{To: Aborting, Wave: v.Wave, Detail: "its operation was cancelled", Recall: true}
	case v.State == Paused:
		return Decision{Recall: applying > 0} // whose row somebody held when the pause came
	}
	if reason, detail := tooMuch(v); reason != "" {
		return Decision{To: Paused, Wave: v.Wave, Reason: reason, Detail: detail, Recall: true}
	}
	if pending+applying > 0 {
		if v.State == Baking { // a tenant was taken up again
			return Decision{To: Running, Wave: v.Wave}
		}
		return Decision{Begin: begin(v)}
	}
	return afterWave(v, now)
}

func aborting(v View, applying int) Decision {
	if applying > 0 {
		return Decision{Recall: true}
	}
	return Decision{To: Aborted, Wave: v.Wave}
}

// afterWave: nobody of this wave is left.
func afterWave(v View, now time.Time) Decision {
	if v.Wave+1 >= v.Waves {
		if v.Exceptions > 0 {
			return Decision{To: CompletedWithExceptions, Wave: v.Wave}
		}
		return Decision{To: Completed, Wave: v.Wave}
	}
	if v.State == Running && v.Policy.Bake > 0 && v.Changing > 0 {
		return Decision{To: Baking, Wave: v.Wave}
	}
	if v.State == Baking && now.Before(v.BakeUntil) {
		return Decision{}
	}
	if v.Policy.Gate != "" && !v.Gated {
		return Decision{AskGate: true}
	}
	return Decision{To: Running, Wave: v.Wave + 1}
}

// tooMuch says whether failures must stop a rollout.
func tooMuch(v View) (Reason, string) {
	if v.Policy.OnError == ContinueOnError {
		return "", ""
	}
	failed := 0
	worst := Failure{}
	for _, f := range v.Failures {
		failed += f.Tenants
		if f.Tenants > worst.Tenants {
			worst = f
		}
	}
	if worst.Tenants >= 2 {
		return Systemic, fmt.Sprintf("%d tenants failed in the same way: %s", worst.Tenants, worst)
	}
	allowed := v.Policy.MaxFailures.of(v.Changing)
	if v.Wave == 0 && v.Waves > 1 {
		allowed = 0
	}
	if failed > allowed {
		return Budget, fmt.Sprintf("%d tenants failed, %d may in wave %d of %d; the last way: %s", failed, allowed, v.Wave+1, v.Waves, worst)
	}
	return "", ""
}

// String tells a failure in a line.
func (f Failure) String() string {
	if f.Statement == "" {
		return f.Code
	}
	return f.Code + " at " + f.Statement
}

// begin fills every node up to its limit.
func begin(v View) []NodeLoad {
	var list []NodeLoad
	for _, n := range v.Nodes {
		if more := min(v.Policy.limit(n)-n.Applying, n.Pending); more > 0 {
			list = append(list, NodeLoad{Node: n.Node, Pending: more})
		}
	}
	slices.SortFunc(list, func(a, b NodeLoad) int { return cmp.Compare(a.Node, b.Node) })
	return list
}
