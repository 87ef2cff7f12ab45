package rollout

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Candidate is a tenant that a rollout's selector matches.
type Candidate struct {
	TenantID   string `db:"tenant_id"   json:"tenant_id"`
	Slug       string `db:"slug"        json:"slug"`
	Node       string `db:"node"        json:"node"`
	Release    string `db:"release"     json:"release"`
	ReleaseSeq int64  `db:"release_seq" json:"-"`
	Active     bool   `db:"active"      json:"-"`
	// PinnedSeq is the newest release that a pin allows, math.MaxInt64 without one.
	PinnedSeq   int64  `db:"pinned_seq"  json:"-"`
	PinReason   string `db:"pin_reason"  json:"-"`
	Quarantined bool   `db:"quarantined" json:"-"`
	// Bytes is how large the tenant's database was when somebody looked, 0 when nobody has.
	Bytes int64 `db:"bytes" json:"bytes"`
	// LeftOut is why a person leaves the tenant out, "" when nobody does.
	LeftOut string `db:"-" json:"-"`
}

// Member is a tenant with its place in a rollout.
type Member struct {
	Candidate

	Wave  int         `json:"wave"`  // from 0
	State MemberState `json:"state"` // Pending or one of the skipped
	Why   string      `json:"why,omitempty"`
}

// Assign puts candidates into waves, those that are skipped beside them. The canary's tenants come first, in a wave of their own. In the first
// of the other waves are at least three: the largest tenant of those whose size is known, unless it is a canary already, then tenants taken in
// turn from every release that tenants come from, the oldest first, and every node. The first to run into trouble should be as unlike each
// other as the fleet is, and what takes long should be known early. The order is the same for the same candidates. A wave that nobody would be
// in is left out; the second result is how many there are, at least one.
func Assign(candidates []Candidate, targetSeq int64, p Policy) ([]Member, int, error) {
	var skipped, canary, rest []Member
	wanted := map[string]bool{}
	for _, slug := range p.Canary {
		wanted[slug] = true
	}
	for _, c := range candidates {
		m := Member{Candidate: c}
		m.State, m.Why = judge(c, targetSeq)
		switch {
		case wanted[c.Slug] && m.State != Pending:
			return nil, 0, fmt.Errorf("canary: %s cannot be one: %s", c.Slug, m.Why)
		case wanted[c.Slug]:
			delete(wanted, c.Slug)
			canary = append(canary, m)
		case m.State == Pending:
			rest = append(rest, m)
		default:
			skipped = append(skipped, m)
		}
	}
	for _, slug := range p.Canary {
		if wanted[slug] {
			return nil, 0, fmt.Errorf("canary: no selected tenant has the slug %q", slug)
		}
	}
	rest = mixed(rest, largest(slices.Concat(canary, rest)))
	wave := min(len(canary), 1)
	done := 0
	for i, w := range p.Waves {
		upTo := int(math.Ceil(float64(len(rest)) * w / 100))
		if i == 0 && len(canary) == 0 {
			upTo = max(upTo, 3)
		}
		upTo = min(upTo, len(rest))
		if upTo <= done {
			continue
		}
		for ; done < upTo; done++ {
			rest[done].Wave = wave
		}
		wave++
	}
	return slices.Concat(canary, rest, skipped), max(wave, 1), nil
}

func judge(c Candidate, targetSeq int64) (MemberState, string) {
	switch {
	case c.ReleaseSeq >= targetSeq:
		return SkippedUpToDate, "has release " + c.Release
	case !c.Active:
		return SkippedInactive, "is not active"
	case c.Quarantined:
		return SkippedQuarantined, "is in quarantine: tenantry tenant quarantine list"
	case c.PinnedSeq < targetSeq:
		return SkippedPinned, "is pinned: " + c.PinReason
	case c.LeftOut != "":
		return SkippedPreflight, "is left out: " + c.LeftOut
	default:
		return Pending, ""
	}
}

// largest is the id of the largest tenant, "" when no size is known.
func largest(list []Member) string {
	var most Member
	for _, m := range list {
		if m.Bytes > most.Bytes || (m.Bytes == most.Bytes && m.Bytes > 0 && m.TenantID < most.TenantID) {
			most = m
		}
	}
	return most.TenantID
}

// mixed takes tenants in turn from each release and node, and one before all others: it has its kind's first turn.
func mixed(list []Member, first string) []Member {
	slices.SortFunc(list, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.ReleaseSeq, b.ReleaseSeq), cmp.Compare(a.Node, b.Node), before(a, b, first), cmp.Compare(a.TenantID, b.TenantID))
	})
	type kind struct {
		release int64
		node    string
	}
	turn := map[kind]int{}
	turns := make([]int, len(list))
	order := make([]int, len(list))
	for i, m := range list {
		k := kind{m.ReleaseSeq, m.Node}
		turns[i], order[i] = turn[k], i
		turn[k]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Or(before(list[a], list[b], first), cmp.Compare(turns[a], turns[b])) })
	out := make([]Member, len(list))
	for i, at := range order {
		out[i] = list[at]
	}
	return out
}

// before puts one tenant before any other.
func before(a, b Member, first string) int {
	switch {
	case a.TenantID == b.TenantID:
		return 0
	case a.TenantID == first:
		return -1
	case b.TenantID == first:
		return 1
	default:
		return 0
	}
}
