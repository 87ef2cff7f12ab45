package opshttp

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const everyProcess = " Every process tells the same: take max, not sum, over them."

var (
	controlUpDesc = desc("control_up",
		"1 if the control database could be measured at this scrape within 2 s, else 0; then the fleet's metrics are absent.")
	controlSecondsDesc = desc("control_scrape_duration_seconds",
		"How long measuring the fleet in the control database took at this scrape.")
	operationsDesc = desc("operations",
		"Operations that have not ended, by state: waiting (another one of its tenant goes first), queued, running, retrying, "+
			"parked (a person must retry or cancel it). Those that ended are counted by tenantry_runs_total."+everyProcess, "state")
	parkedDesc = desc("operations_parked",
		"Operations that wait for a person, by kind; the tenant of each is held until tenantry op retry or cancel. "+
			"Absent for kinds without any."+everyProcess, "kind")
	queueJobsDesc = desc("queue_jobs_available",
		"Jobs that a worker may fetch now or, where the fleet put off a retry, in a few seconds, by queue."+everyProcess, "queue")
	queueOldestDesc = desc("queue_oldest_job_age_seconds",
		"How long the oldest job of a queue has been due without a worker fetching it; 0 without one. Growing means that no "+
			"worker serves the queue, or too few."+everyProcess, "queue")
	queuePausedDesc = desc("queue_paused",
		"1 if the queue is paused, as somebody may have done in River UI; absent for queues that no worker has served yet."+everyProcess, "queue")
	tenantsDesc = desc("tenants",
		"Tenants by state, those deleted for good not counted."+everyProcess, "state")
	nodeInfoDesc = desc("node_info",
		"Always 1: a node (a PostgreSQL server of the fleet), its region, and its state: adding, active (takes new tenants), draining or "+
			"lost."+everyProcess, "node", "region", "state")
	nodeBudgetDesc = desc("node_connections_budget",
		"Connections that all workers together may have to a node."+everyProcess, "node")
	nodeDatabasesDesc = desc("node_databases",
		"Databases on a node by state, those dropped not counted: building, warm, assigned (a tenant's), retained (replaced by a restore, kept for its undoing), scratch (a backup is verified in it), failed, dropping."+everyProcess, "node", "state")
	nodeTenantsDesc = desc("node_tenants_limit",
		"Most tenants that may be placed on a node; absent without a limit."+everyProcess, "node")
	warmDesc = desc("warm_databases",
		"Databases of the current release on a node that are ready to be a new tenant's. At 0 new tenants wait for one to be "+
			"built."+everyProcess, "node")
	warmTargetDesc = desc("warm_databases_target",
		"How many warm databases a node is to have."+everyProcess, "node")
	workersLiveDesc = desc("workers_live",
		"Worker processes whose lease holds. At 0 nothing is done."+everyProcess)
	rolloutsDesc = desc("rollouts",
		"Rollouts that have not ended, by state: running, baking (resting between waves), paused (a person must resume or abort), "+
			"aborting."+everyProcess, "state")
	quarantinedDesc = desc("tenants_quarantined",
		"Tenants whose migration failed for good and that rollouts leave alone until a person lets them out."+everyProcess)
	driftedDesc = desc("tenants_drifted",
		"Active tenants whose schema was not what their release says when it was last checked: tenantry drift list."+everyProcess)
	uncheckedDesc = desc("tenants_drift_unchecked",
		"Active tenants whose schema no check has come through to yet."+everyProcess)
	driftAgeDesc = desc("drift_oldest_check_age_seconds",
		"Time since the last check that came through of the active tenant that was not checked for longest; of one that never was, since it "+
			"is active. More than a week means that the nightly checks do not keep up."+everyProcess)
	backupLateDesc = desc("tenants_backup_late",
		"Active tenants whose newest verified backup is older than the setting backup_objective, or that have none and are older than that: "+
			"tenantry backup status."+everyProcess)
	backupUnprovenDesc = desc("tenants_backup_unproven",
		"Active tenants that have no verified backup at all."+everyProcess)
	backupFailedDesc = desc("tenants_backup_failed",
		"Active tenants whose newest backup does not restore to what was dumped."+everyProcess)
	backupAgeDesc = desc("backup_oldest_verified_age_seconds",
		"Time since the newest verified backup of the tenant, active or suspended, that is worst off; of one without, since it is active."+everyProcess)
	aggregateMissingDesc = desc("aggregate_tenants_missing",
		"Tenants that have not answered for the newest day of an aggregate whose run has ended: tenantry aggregate show."+everyProcess, "aggregate")
	aggregatePublishedDesc = desc("aggregate_published",
		"1 if the newest day of an aggregate whose run has ended is published, 0 if too few tenants have answered for that."+everyProcess, "aggregate")
	heartbeatDesc = desc("worker_heartbeat_age_seconds",
		"Time since the last heartbeat of each worker that has neither signed off nor been declared dead, by the control database's "+
			"clock; of more than 200 workers those silent for the longest."+everyProcess, "worker")
)

// fleetCollector measures the fleet at every scrape.
type fleetCollector struct{ fleet *surveyor }

func (fleetCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		controlUpDesc, controlSecondsDesc, operationsDesc, parkedDesc, queueJobsDesc, queueOldestDesc, queuePausedDesc, tenantsDesc,
		nodeInfoDesc, nodeBudgetDesc, nodeDatabasesDesc, nodeTenantsDesc, warmDesc, warmTargetDesc, workersLiveDesc, heartbeatDesc,
		rolloutsDesc, quarantinedDesc, driftedDesc, uncheckedDesc, driftAgeDesc,
		backupLateDesc, backupUnprovenDesc, backupFailedDesc, backupAgeDesc, aggregateMissingDesc, aggregatePublishedDesc,
	} {
		ch <- d
	}
}

func (c fleetCollector) Collect(ch chan<- prometheus.Metric) {
	begun := time.Now()
	s, err := c.fleet.measure(c.fleet.life)
	c.fleet.turns.note(err == nil, err, "")
	out := sink(ch)
	out.gauge(controlSecondsDesc, time.Since(begun).Seconds())
	out.gauge(controlUpDesc, oneIf(err == nil))
	if err == nil {
		s.collect(out)
	}
}

func (s survey) collect(out sink) {
	for _, state := range unfinishedStates {
		out.gauge(operationsDesc, float64(s.Operations[state]), string(state))
	}
	for kind, n := range s.Parked {
		out.gauge(parkedDesc, float64(n), kind)
	}
	for _, state := range tenantStates {
		out.gauge(tenantsDesc, float64(s.Tenants[state]), string(state))
	}
	for _, name := range s.queueNames() {
		out.gauge(queueJobsDesc, float64(s.Queues[name].Available), name)
		out.gauge(queueOldestDesc, s.Queues[name].Oldest, name)
	}
	for name, paused := range s.Paused {
		out.gauge(queuePausedDesc, oneIf(paused), name)
	}
	for _, n := range s.Nodes {
		n.collect(out)
	}
	for _, state := range rolloutStates {
		out.gauge(rolloutsDesc, float64(s.Rollouts[state]), string(state))
	}
	out.gauge(quarantinedDesc, float64(s.Quarantined))
	out.gauge(driftedDesc, float64(s.Drift.Drifted))
	out.gauge(uncheckedDesc, float64(s.Drift.Unchecked))
	out.gauge(driftAgeDesc, s.Drift.Oldest)
	out.gauge(backupLateDesc, float64(s.Backups.Late))
	out.gauge(backupUnprovenDesc, float64(s.Backups.Unproven))
	out.gauge(backupFailedDesc, float64(s.Backups.Failed))
	out.gauge(backupAgeDesc, s.Backups.Oldest)
	for name, day := range s.Aggregates {
		out.gauge(aggregateMissingDesc, float64(day.Missing), name)
		out.gauge(aggregatePublishedDesc, oneIf(day.Published), name)
	}
	out.gauge(workersLiveDesc, float64(s.Live))
	for _, w := range s.Workers {
		out.gauge(heartbeatDesc, w.Age, w.ID)
	}
}

func (n nodeState) collect(out sink) {
	out.gauge(nodeInfoDesc, 1, n.Name, n.Region, n.State)
	out.gauge(nodeBudgetDesc, float64(n.Connections), n.Name)
	for _, state := range databaseStates {
		out.gauge(nodeDatabasesDesc, float64(n.Databases[state]), n.Name, state)
	}
	if n.MaxTenants != nil {
		out.gauge(nodeTenantsDesc, float64(*n.MaxTenants), n.Name)
	}
	out.gauge(warmDesc, float64(n.Warm), n.Name)
	out.gauge(warmTargetDesc, float64(n.WarmTarget), n.Name)
}
