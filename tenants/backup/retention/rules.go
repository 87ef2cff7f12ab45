package retention

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Union is the policy that keeps what p keeps and what other keeps, and nothing else.
func (p Policy) Union(other Policy) Policy {
	return Policy{
		Last: max(p.Last, other.Last), Daily: max(p.Daily, other.Daily), Weekly: max(p.Weekly, other.Weekly), Monthly: max(p.Monthly, other.Monthly),
		Yearly: max(p.Yearly, other.Yearly),
	}
}

// String is the policy as people read it, such as "last 3, daily 7".
func (p Policy) String() string {
	var parts []string
	for _, f := range p.fields() {
		if f.value > 0 {
			parts = append(parts, f.name+" "+strconv.Itoa(f.value))
		}
	}
	if len(parts) == 0 {
		return "the newest verified one"
	}
	return strings.Join(parts, ", ")
}

// Rule is a policy and the tenants that it is for: one, or those with all of some labels.
type Rule struct {
	Tenant string            `json:"tenant,omitempty"` // id
	Labels map[string]string `json:"labels,omitempty"`
	Policy Policy            `json:"policy"`
}

// Rules are the policies of a fleet.
type Rules struct {
	// Fleet is for every tenant that no rule is for.
	Fleet Policy
	Rules []Rule
}

// For is the policy of a tenant, and where it is from, in words: its own, or else all of those for its labels together, so that the one that keeps more counts; or
// else the fleet's.
func (r Rules) For(tenant string, labels map[string]string) (p Policy, from string) {
	var selected []string
	for _, rule := range r.Rules {
		if rule.Tenant == tenant && tenant != "" {
			return rule.Policy, "its own"
		}
		if rule.Tenant == "" && rule.matches(labels) {
			p = p.Union(rule.Policy)
			selected = append(selected, LabelsText(rule.Labels))
		}
	}
	if len(selected) == 0 {
		return r.Fleet, "the setting backup_retention"
	}
	return p, "of " + strings.Join(selected, " and ")
}

func (r Rule) matches(labels map[string]string) bool {
	for k, v := range r.Labels {
		if got, there := labels[k]; !there || got != v {
			return false
		}
	}
	return len(r.Labels) > 0
}

// LabelsText writes labels as k=v, in order.
func LabelsText(labels map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, k+"="+labels[k])
	}
	return strings.Join(list, ",")
}

// Parse reads a policy as the setting backup_retention has it.
func Parse(text string) (Policy, error) {
	var p Policy
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("%s is no policy: %w", text, err)
	}
	return p, p.Validate()
}
