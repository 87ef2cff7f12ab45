// Package chaostest is the chaos rollout: a release is brought to a fleet on two nodes while everything happens at once.
//
//	setup   300 tenants on two nodes; by lot some have data that the release refuses, one is pinned, two are suspended, one is
//	        in quarantine, one's table is held by a long transaction, one of the broken is a canary
//	chaos   workers are killed and replaced, a node dies and is away, a client suspends, resumes and rotates, a tenant is made, forms are
//	        changed and some of the changes cancelled; a person pauses, mends, retries, resumes
//	quiet   no more faults: within a deadline everything converges
//	look    what reliability demands, and what a rollout's policy promises: nobody begins after a stop, nobody is done twice; every
//	        catalog is what release and registry say, every change of a form is there once or not at all
//	then    the broken are mended and the next rollout does exactly the rest; a release that fails everywhere stops at its second failure
//
// The test is beside the package that runs private servers: TestChaosRollout in cmd/tenantry, run by make chaos. CHAOS is full, or short (30
// tenants) in CI. Every choice by lot comes from a seed that is logged; CHAOS_SEED repeats the choices, not the moments at which
// processes meet.
package chaostest
