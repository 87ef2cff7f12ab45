// Package crash holds the crash suite, and nothing else: real worker processes that are killed, frozen and ended at every named
// point of the program, against a real PostgreSQL, and after each fault a look at everything that must hold
// (crashtest.Check). What tests stand on, the processes and the look, is in crashtest.
//
//	TestCrashMatrix         every kind of operation × every point it passes: kill -9, another worker goes on
//	TestEveryPoint          no point of the program is forgotten
//	TestCrashTwice          the same again while recovering, drawn by lot
//	TestRolloutCrash        kill -9 in the middle of a rollout: it ends, and each tenant gets each statement once
//	TestCrashThrice         three dead workers park an operation, retrying it goes on
//	TestFrozenWorker        SIGSTOP for longer than the lease, then SIGCONT: the past has no effect
//	TestGhost…              the server goes on with what a dead or frozen client asked
//	TestBackendTerminated   sessions are ended at random moments
//	TestSigterm…            a drain burns no attempt
//	TestRiverUIActions      jobs are cancelled, deleted, discarded and retried behind the ledger's back
//	TestTemplateLost        a template that somebody dropped is built again
//	TestSuiteHasTeeth       with one guard switched off, the suite fails
//
// TestPostgresDies, which kills servers, is beside the package that runs private ones, in cmd/tenantry. make test-crash runs both.
//
// CRASH_MATRIX says how much: unset is a smoke test of a few cells, for every run of all tests; short takes the most
// dangerous points and some by lot; full takes all. Every choice by lot comes from a seed that is logged; CRASH_SEED
// repeats it.
package crash
