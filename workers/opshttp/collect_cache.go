package opshttp

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avenit/tenantry/tenants/poolcache"
)

var (
	poolEntriesDesc = desc("pool_entries",
		"Tenants' pools that are open in this process.")
	poolLeasedDesc = desc("pool_entries_leased",
		"Tenants' pools in this process that work is using now.")
	poolClosingDesc = desc("pool_entries_closing",
		"Tenants' pools in this process that are being opened, or were evicted and are not closed yet. Staying high means that "+
			"work does not let go of them.")
	poolHitsDesc = desc("pool_hits_total",
		"Times that work found its tenant's pool open in this process.")
	poolMissesDesc = desc("pool_misses_total",
		"Times that work did not find its tenant's pool open and had to wait for it. Many beside few hits: the cache is too small, or "+
			"its pools idle for longer than they are kept.")
	poolOpensDesc = desc("pool_opens_total",
		"Tenants' pools opened in this process.")
	poolFailedOpensDesc = desc("pool_failed_opens_total",
		"Tenants' pools that this process could not open.")
	poolEvictionsDesc = desc("pool_evictions_total",
		"Tenants' pools closed in this process, by reason: idle, full (too many pools), epoch (the tenant was suspended, moved, rotated "+
			"or deleted), gone, node, all, credentials (its password was refused), stopped.", "reason")
	nodeOpenDesc = desc("pool_node_connections",
		"Connections of this process to a node, those being made or closed included.", "node")
	nodeShareDesc = desc("pool_node_connections_budget",
		"Connections that this process may have to a node: its share of the node's budget.", "node")
	nodeConnectsDesc = desc("pool_node_connects_total",
		"Connections that this process made to a node.", "node")
	nodeDiallingDesc = desc("pool_node_dials",
		"Connections that this process is making to a node now.", "node")
	nodeWaitingDesc = desc("pool_node_dials_waiting",
		"Connections to a node for which this process waits now, because its share is used up.", "node")
	nodeWaitsDesc = desc("pool_node_waits_total",
		"Connections to a node that had to wait because this process's share was used up.", "node")
	nodeReclaimsDesc = desc("pool_node_reclaims_total",
		"Idle connections to a node that were closed to make room for another tenant's.", "node")
	nodeBreakerDesc = desc("pool_node_breaker",
		"1 for the state in which the breaker of a node is, else 0: closed (all is well), open (the node cannot be reached, work "+
			"for it fails at once), probing (one attempt), slow_start (twice as many with every success).", "node", "state")
	nodeRetryDesc = desc("pool_node_retry_after_seconds",
		"For how much longer the breaker of a node lets no connection be made; 0 when it does.", "node")
)

var (
	evictionReasons = []poolcache.Reason{
		poolcache.ReasonIdle, poolcache.ReasonFull, poolcache.ReasonEpoch, poolcache.ReasonGone,
		poolcache.ReasonNode, poolcache.ReasonAll, poolcache.ReasonCredentials, poolcache.ReasonStopped,
	}
	breakerStates = []poolcache.BreakerState{
		poolcache.BreakerClosed, poolcache.BreakerOpen, poolcache.BreakerProbing, poolcache.BreakerSlowStart,
	}
)

// cacheCollector tells of the pools in this process; it asks no database.
type cacheCollector struct{ cache *poolcache.Cache }

func (cacheCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		poolEntriesDesc, poolLeasedDesc, poolClosingDesc, poolHitsDesc, poolMissesDesc, poolOpensDesc, poolFailedOpensDesc, poolEvictionsDesc,
		nodeOpenDesc, nodeShareDesc, nodeConnectsDesc, nodeDiallingDesc, nodeWaitingDesc, nodeWaitsDesc, nodeReclaimsDesc, nodeBreakerDesc, nodeRetryDesc,
	} {
		ch <- d
	}
}

func (c cacheCollector) Collect(ch chan<- prometheus.Metric) {
	out, st := sink(ch), c.cache.Stat()
	out.gauge(poolEntriesDesc, float64(st.Entries))
	out.gauge(poolLeasedDesc, float64(st.Leased))
	out.gauge(poolClosingDesc, float64(st.Closing))
	out.count(poolHitsDesc, st.Hits)
	out.count(poolMissesDesc, st.Misses)
	out.count(poolOpensDesc, st.Opens)
	out.count(poolFailedOpensDesc, st.FailedOpens)
	for _, reason := range evictionReasons {
		out.count(poolEvictionsDesc, st.Evictions[reason], string(reason))
	}
	for _, n := range st.Nodes {
		collectNode(out, n)
	}
}

func collectNode(out sink, n poolcache.NodeStat) {
	out.gauge(nodeOpenDesc, float64(n.Open), n.Node)
	out.gauge(nodeShareDesc, float64(n.Budget), n.Node)
	out.count(nodeConnectsDesc, n.Connects, n.Node)
	out.gauge(nodeDiallingDesc, float64(n.Dialling), n.Node)
	out.gauge(nodeWaitingDesc, float64(n.Waiting), n.Node)
	out.count(nodeWaitsDesc, n.Waits, n.Node)
	out.count(nodeReclaimsDesc, n.Reclaims, n.Node)
	for _, state := range breakerStates {
		out.gauge(nodeBreakerDesc, oneIf(n.Breaker == state), n.Node, strings.ReplaceAll(string(state), " ", "_"))
	}
	out.gauge(nodeRetryDesc, n.RetryAfter.Seconds(), n.Node)
}
