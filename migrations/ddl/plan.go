package ddl

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plan is how a change is made on one tenant's forms.
type Plan struct {
	// ID changes when another plan would be made: because a form, or the size of its tables, has changed meanwhile.
	ID string `json:"id"`
	// Change is what was asked for.
	Change Change `json:"change"`
	// Steps in the order in which they run.
	Steps []Step `json:"steps"`
	// Probes run before the first step; what they find may refuse the change.
	Probes []Probe `json:"probes"`
	// Notes tell what is worth knowing: budgets, names that had to be shortened.
	Notes []string `json:"notes,omitempty"`
	// Touched are the forms that the change is about, as they will be. A form that is purged has no fields and no label any more.
	Touched []*Form `json:"touched"`
	// Gone are the keys of forms that are purged.
	Gone []string `json:"gone,omitempty"`
	// Next is the registry's next number afterwards.
	Next int64 `json:"next"`
	// Inverse is the change that takes this one back, nil when there is none.
	Inverse *Change `json:"inverse,omitempty"`
}

// Estimate is how long all steps take, roughly.
func (p *Plan) Estimate() time.Duration {
	var sum time.Duration
	for _, step := range p.Steps {
		sum += step.Estimate
	}
	return sum
}

// Grace is how long what was dropped can be restored.
const Grace = 30 * 24 * time.Hour

// Generate plans a change. It is pure: the same registry, facts and change give the same plan. Its error is [Problems],
// as far as they can be told without looking at rows; the plan's probes look at those.
func Generate(change Change, registry *Registry, facts Facts) (*Plan, error) {
	b := newBuilder(registry, facts)
	b.checkVersions(change)
	b.survey(change)
	if err := b.problems.Err(); err != nil {
		return nil, err
	}
	for i, op := range change.Operations {
		b.begin(i, op)
		if form := b.reg.Form(op.form()); form != nil && !b.touched[form.Key] {
			if wrong := b.mismatch(form); wrong != "" {
				b.refuse("form", fmt.Sprintf("form %s is not as the registry says: %s", form.Key, wrong), "tenantry drift check tells more; bring the table back to what it was")
				continue
			}
		}
		before := len(b.problems)
		op.plan(b)
		if len(b.problems) > before {
			break // what follows may build on it
		}
	}
	b.end()
	if err := b.problems.Err(); err != nil {
		return nil, err
	}
	return b.finish(change)
}

func (b *builder) mismatch(form *Form) string {
	if original := b.original.Form(form.Key); original != nil {
		return b.facts.mismatch(original)
	}
	return ""
}

// checkVersions refuses a change that was made against another version of a form.
func (b *builder) checkVersions(change Change) {
	keys := make([]string, 0, len(change.Versions))
	for key := range change.Versions {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		version := int64(0)
		if form := b.reg.Form(key); form != nil {
			version = form.Version
		}
		if version != change.Versions[key] {
			b.problems = append(b.problems, Problem{
				Path:    versionPath(key),
				Message: fmt.Sprintf("form %s has version %d, and the change was made against version %d", key, version, change.Versions[key]),
				Fix:     "look at what has changed meanwhile, and make the change anew against that",
			})
		}
	}
}

// versionPath is where a change says which version of a form its author saw.
func versionPath(form string) string { return "versions." + form }

// OldVersion gives the form that a problem is about when that is a change against an older version.
func (p Problem) OldVersion() (form string, is bool) {
	return strings.CutPrefix(p.Path, versionPath(""))
}

// finish puts the steps in order and makes transactions of neighbours.
func (b *builder) finish(change Change) (*Plan, error) {
	plan := &Plan{Change: change, Probes: b.probes, Notes: b.notes, Next: b.reg.Next, Gone: b.gone}
	for _, phase := range []Phase{Prepare, Commit, After} {
		if phase == Commit && len(b.first) > 0 {
			plan.Steps = append(plan.Steps, Step{Operation: -1, Phase: Commit, Kind: StepTx, Lock: lockExclusive, SQL: b.first, Estimate: leastEstimate, first: true})
		}
		for _, step := range b.steps {
			if step.Phase == phase {
				plan.Steps = append(plan.Steps, step)
			}
		}
	}
	if !slices.ContainsFunc(plan.Steps, func(s Step) bool { return s.Phase == Commit }) {
		// Metadata only: the registry is written all the same, before what comes after.
		i := slices.IndexFunc(plan.Steps, func(s Step) bool { return s.Phase == After })
		if i < 0 {
			i = len(plan.Steps)
		}
		plan.Steps = slices.Insert(plan.Steps, i, Step{Operation: -1, Phase: Commit, Kind: StepTx, Lock: "none", Estimate: leastEstimate})
	}
	plan.Steps = merge(plan.Steps)
	for _, form := range b.reg.Forms {
		if b.touched[form.Key] {
			plan.Touched = append(plan.Touched, form)
		}
	}
	if len(b.inverse) > 0 && !b.final {
		slices.Reverse(b.inverse)
		plan.Inverse = &Change{Operations: b.collapse(b.inverse)}
	}
	return plan, plan.identify()
}

// identify names the plan after what it does.
func (p *Plan) identify() error {
	sum := sha256.New()
	encoded, err := json.Marshal(p.Change)
	if err != nil {
		return fmt.Errorf("identify plan: %w", err)
	}
	sum.Write(encoded)
	for _, form := range p.Touched {
		fmt.Fprintf(sum, "%s\x00%d\x00", form.Key, form.Version)
	}
	for _, step := range p.Steps {
		fmt.Fprintf(sum, "%s\x00%s\x00", step.Kind, strings.Join(step.SQL, "\x00"))
	}
	p.ID = "plan_" + hex.EncodeToString(sum.Sum(nil))[:24]
	return nil
}

// merge makes one transaction of transactions that follow each other. The commit is one anyway; what is prepared just before
// it in a transaction becomes a part of it: there is nothing to undo then. A step that must be alone stays so.
func merge(steps []Step) []Step {
	var merged []Step
	for _, step := range steps {
		last := len(merged) - 1
		if last < 0 || !joins(merged[last], step) {
			step.SQL, step.Undo = slices.Clone(step.SQL), slices.Clone(step.Undo)
			merged = append(merged, step)
			continue
		}
		into := &merged[last]
		if step.first {
			into.SQL = append(slices.Clone(step.SQL), into.SQL...)
		} else {
			into.SQL = append(into.SQL, step.SQL...)
		}
		into.Undo = append(slices.Clone(step.Undo), into.Undo...)
		into.Estimate += step.Estimate
		into.Lock = stronger(into.Lock, step.Lock)
		into.Rows = max(into.Rows, step.Rows)
		if into.Phase == Prepare && step.Phase == Commit {
			into.Phase, into.Undo = Commit, nil
		}
		if into.Operation != step.Operation {
			into.Operation = -1
		}
		if into.Table != step.Table {
			into.Table = ""
		}
	}
	return merged
}

func joins(a, b Step) bool {
	if a.Kind != StepTx || b.Kind != StepTx || a.alone || b.alone {
		return false
	}
	return a.Phase == b.Phase || (a.Phase == Prepare && b.Phase == Commit)
}
