package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is what a preflight has seen. A report of no tenants is empty, not nil, in its lists.
type Report struct {
	Release string `json:"release"`
	// Tenants is how many were to be looked at.
	Tenants int `json:"tenants"`
	// Statements is how many are to run, over all tenants that could be compared with the release.
	Statements int `json:"statements"`
	// RewriteBytes is what rewrites of tables write, over all tenants: the tables' present size with their indexes.
	RewriteBytes int64 `json:"rewrite_bytes"`
	// Blocked are the tenants with a blocking finding, in the order of the plan.
	Blocked []BlockedTenant `json:"blocked"`
	// Groups are the findings, the worst first, then what most tenants have.
	Groups []Group     `json:"findings"`
	Nodes  []NodeFacts `json:"nodes"`
	// Tables are those that the release touches, the largest first.
	Tables   []TableFacts  `json:"tables"`
	At       time.Time     `json:"at"`
	Duration time.Duration `json:"duration_ns"`
}

// BlockedTenant is a tenant that will fail.
type BlockedTenant struct {
	TenantID string `json:"tenant_id"`
	Tenant   string `json:"tenant"` // its slug
	Wave     int    `json:"wave"`   // from 0
	Why      string `json:"why"`
}

// Group is one thing that is wrong, and with whom.
type Group struct {
	Severity Severity  `json:"severity"`
	Kind     Kind      `json:"kind"`
	What     string    `json:"what"`
	Fix      string    `json:"fix,omitempty"`
	Tenants  int       `json:"tenants"` // 0 for what is a node's and no tenant's
	Examples []Example `json:"examples"`
}

// Example is a tenant that has a finding.
type Example struct {
	Tenant string `json:"tenant"`
	Detail string `json:"detail,omitempty"`
}

// mostExamples is how many a group shows.
const mostExamples = 5

// NodeFacts is what was seen of a server.
type NodeFacts struct {
	Node    string `json:"node"`
	Tenants int    `json:"tenants"` // that the rollout is to change there
	Down    string `json:"down,omitempty"`
	Version int    `json:"server_version"`
	// MaxConnections of the server, those in use before the preflight connected, and what is left for others than superusers.
	MaxConnections  int `json:"max_connections"`
	Connections     int `json:"connections"`
	FreeConnections int `json:"free_connections"`
	// RewriteBytes is what rewrites write here in all; AtOnceBytes what they may need free at a time, when the tenants with the largest tables
	// come together. Free disk cannot be seen through SQL.
	RewriteBytes int64 `json:"rewrite_bytes"`
	AtOnceBytes  int64 `json:"at_once_bytes"`
}

// TableFacts is a table that the release touches, over all tenants that have it.
type TableFacts struct {
	Table         string `json:"table"`
	Tenants       int    `json:"tenants"`
	Bytes         int64  `json:"bytes"` // with indexes, over all tenants
	LargestBytes  int64  `json:"largest_bytes"`
	LargestTenant string `json:"largest_tenant"`
	RewriteBytes  int64  `json:"rewrite_bytes"`
}

// Count is how many tenants have findings of a severity.
func (r Report) Count(s Severity) int {
	if s == Blocking {
		return len(r.Blocked)
	}
	n := 0
	for _, g := range r.Groups {
		if g.Severity == s {
			n += max(g.Tenants, 1)
		}
	}
	return n
}

// LeaveOut gives the blocked tenants' ids and why, as rollout.MakeWithout takes them.
func (r Report) LeaveOut() map[string]string {
	out := make(map[string]string, len(r.Blocked))
	for _, b := range r.Blocked {
		out[b.TenantID] = b.Why
	}
	return out
}

// summarize makes the report of what was seen; looks are in the order of the plan.
func summarize(release string, looks []*look, nodes []*nodeLook, parallel int) Report {
	r := Report{Release: release, Tenants: len(looks), Blocked: []BlockedTenant{}, Groups: []Group{}, Nodes: []NodeFacts{}, Tables: []TableFacts{}}
	groups := map[Finding]*Group{}
	var order []*Group
	add := func(f Finding, tenant string) {
		key := Finding{Kind: f.Kind, Severity: f.Severity, What: f.What}
		g := groups[key]
		if g == nil {
			g = &Group{Severity: f.Severity, Kind: f.Kind, What: f.What, Fix: f.Fix, Examples: []Example{}}
			groups[key] = g
			order = append(order, g)
		}
		if tenant == "" {
			return
		}
		g.Tenants++
		if len(g.Examples) < mostExamples {
			g.Examples = append(g.Examples, Example{Tenant: tenant, Detail: f.Detail})
		}
	}
	for _, l := range looks {
		r.Statements += l.statements
		seen := map[Finding]bool{}
		for _, f := range l.findings { // two old transactions of one tenant are one tenant
			key := Finding{Kind: f.Kind, Severity: f.Severity, What: f.What}
			if seen[key] {
				continue
			}
			seen[key] = true
			add(f, l.member.Slug)
		}
		if why := l.blockedBy(); why != "" {
			r.Blocked = append(r.Blocked, BlockedTenant{TenantID: l.member.TenantID, Tenant: l.member.Slug, Wave: l.member.Wave, Why: why})
		}
	}
	for _, n := range nodes {
		facts, findings := n.sum(parallel)
		r.Nodes = append(r.Nodes, facts)
		r.RewriteBytes += facts.RewriteBytes
		for _, f := range findings {
			add(f, "")
		}
	}
	for _, g := range order {
		r.Groups = append(r.Groups, *g)
	}
	slices.SortStableFunc(r.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(slices.Index(severities(), a.Severity), slices.Index(severities(), b.Severity)), cmp.Compare(b.Tenants, a.Tenants))
	})
	r.Tables = tableFacts(looks)
	return r
}

// blockedBy says in a line what blocks a tenant, "" when nothing does.
func (l *look) blockedBy() string {
	var whys []string
	for _, f := range l.findings {
		if f.Severity == Blocking && !slices.Contains(whys, f.What) {
			whys = append(whys, f.What)
		}
	}
	const most = 3
	if len(whys) > most {
		whys = append(whys[:most], fmt.Sprintf("and %d more", len(whys)-most))
	}
	return strings.Join(whys, "; ")
}

func tableFacts(looks []*look) []TableFacts {
	byName := map[string]*TableFacts{}
	for _, l := range looks {
		for _, t := range l.touched {
			f := byName[t.name]
			if f == nil {
				f = &TableFacts{Table: t.name}
				byName[t.name] = f
			}
			f.Tenants++
			f.Bytes += t.bytes
			f.RewriteBytes += t.rewriteBytes
			if t.bytes > f.LargestBytes || f.LargestTenant == "" {
				f.LargestBytes, f.LargestTenant = t.bytes, l.member.Slug
			}
		}
	}
	list := make([]TableFacts, 0, len(byName))
	for _, f := range byName {
		list = append(list, *f)
	}
	slices.SortFunc(list, func(a, b TableFacts) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Table, b.Table)) })
	return list
}
