# `make` lists what there is to do. Tests get their PostgreSQL from cmd/testpg and need nothing running.

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOLANGCI_VERSION := v2.15.0
GOLANGCI := .tenantry/bin/golangci-lint-$(GOLANGCI_VERSION)

# The real goose is what applying goose's files is compared with. Built without the drivers of other servers.
GOOSE_VERSION := v3.29.0
GOOSE := .tenantry/bin/goose-$(GOOSE_VERSION)
export TENANTRY_GOOSE := $(CURDIR)/$(GOOSE)

# A real S3 server over a folder, which the tests of stores in S3 run.
VERSITYGW_VERSION := v1.8.0
VERSITYGW := .tenantry/bin/versitygw-$(VERSITYGW_VERSION)
export TENANTRY_VERSITYGW := $(CURDIR)/$(VERSITYGW)

# The packages that take longest begin first, so that none of them runs alone at the end. Those that measure run in test-more.
SLOWEST := ./workers ./migrations/ddl/execute ./cmd/tenantry
MEASURE := workers/bench workers/stall migrations/ddl/ddlbench

# How many promises of changes of forms test-more looks at: full is all, short each in several places; a run of all tests looks at each once.
DDL_PROMISE ?= full

# How far test-s3 goes: full is every fault once and lasting, short one of each kind.
S3_FAULTS ?= full
# How far test-crash goes: full is every fault at every step, short one of each kind.
CRASH_MATRIX ?= full
# How large the rollout of chaos is: full has 300 tenants, short 30.
CHAOS ?= full
# How many rows the table of stall has.
STALL_ROWS ?= 5000000
# How many rows the table of bench-ddl has, and the settings of its server: a table of gigabytes is kept on a server that is set up for it.
# DDL_PLAIN=none leaves out the plain statements beside it, DDL_CHANGES=REGEXP makes those changes only.
DDL_ROWS ?= 50000000
DDL_SERVER ?= -set shared_buffers=4GB -set max_wal_size=8GB
# What bench runs, with durable clusters around it.
BENCH_CMD ?= env TENANTRY_BENCH=full go test -v -count=1 -timeout 60m -run TestBench ./workers/bench

# Under the race detector the tests of each package would compile the WebAssembly of libpg_query anew, 10 s each time. They parse with the same C code, compiled
# natively; what the program itself has is what the suites without the detector parse with, and test-more in the packages that parse.
# Vetting is a step of its own, of CI and of `make lint`.
RACE := -race -tags pgquery_cgo -vet=off -ldflags=-w
PARSES := ./migrations/release ./migrations/lint ./migrations/ddl

# What servers of small tables do for nothing, a sixth of their time: compile queries, ask other processes for rows, look for what to vacuum every minute.
LEAN := -set jit=off -set max_parallel_workers_per_gather=0 -set autovacuum_naptime=300

.DEFAULT_GOAL := help
.PHONY: help build demo dev test test-more test-crash test-s3 chaos many stall bench bench-ddl lint fmt deps deps-test clean ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/tenantry
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/tenantry ./cmd/tenantry

demo: deps build ## tell the whole story with a fleet on a private PostgreSQL, then stop and clean up
	bin/tenantry dev --demo

dev: deps build ## run a small fleet on this machine until Ctrl-C
	bin/tenantry dev

test: deps-test ## run all tests with the race detector, against private clusters
	go run ./cmd/testpg $(LEAN) -- go test $(RACE) -shuffle=on -timeout 10m $(SLOWEST) $$(go list ./... | grep -vF $(addprefix -e /,$(MEASURE)))

test-more: deps-test ## what make test leaves out: changes of forms in all places, see DDL_PROMISE (short or full), all round trips, measurements on little
	go run ./cmd/testpg -- go test -vet=off -ldflags=-w -shuffle=on $(PARSES)
	DDL_PROMISE=$(DDL_PROMISE) go run ./cmd/testpg -- go test $(RACE) -shuffle=on -count=1 -timeout 60m -parallel 4 -run TestPromises ./migrations/ddl/execute
	ROUND_TRIPS=all go run ./cmd/testpg -- go test $(RACE) -shuffle=on -count=1 -timeout 20m -run RoundTrip ./workers
	go run ./cmd/testpg -- go test $(RACE) -shuffle=on -count=1 -timeout 20m $(addprefix ./,$(MEASURE))

test-crash: deps-test ## kill workers and servers at every step, see CRASH_MATRIX (short or full)
	CRASH_MATRIX=$(CRASH_MATRIX) go run ./cmd/testpg -- go test $(RACE) -count=1 -timeout 60m -p 1 ./workers/crash/...
	CRASH_MATRIX=$(CRASH_MATRIX) CHAOS=short go run ./cmd/testpg -- go test $(RACE) -count=1 -timeout 60m -run 'TestPostgresDies|TestChaosRollout' ./cmd/tenantry

test-s3: deps-test $(VERSITYGW) ## backups in a real S3 server behind faults, see S3_FAULTS (short or full); builds the server the first time
	S3_FAULTS=$(S3_FAULTS) go run ./cmd/testpg -- go test -count=1 -timeout 30m ./workers/s3/...

chaos: deps-test ## a rollout over 300 tenants with everything happening at once, see CHAOS (short or full)
	CHAOS=$(CHAOS) go run ./cmd/testpg -- go test -v -count=1 -timeout 30m -run TestChaosRollout ./cmd/tenantry

many: deps-test ## an aggregate over 1,000 tenants on two nodes, which are made first
	go run ./cmd/testpg -- env AGGREGATE_TENANTS=1000 go test -v -count=1 -timeout 30m -run TestManyTenants ./tenants/aggregate

stall: deps-test ## how long a tenant's queries wait while a large table is changed, see STALL_ROWS
	go run ./cmd/testpg -durable -- env STALL_ROWS=$(STALL_ROWS) go test -v -count=1 -timeout 60m ./workers/stall

bench: deps-test ## measure, with durable clusters on a disk, see BENCH_CMD
	go run ./cmd/testpg -durable -- $(BENCH_CMD)

bench-ddl: ## what the builder's changes cost on a large table under traffic, see DDL_ROWS
	go run ./cmd/testpg -durable -clusters 1 $(DDL_SERVER) -- env TENANTRY_DDL_BENCH=full DDL_ROWS=$(DDL_ROWS) go test -v -count=1 -timeout 8h ./migrations/ddl/ddlbench

lint: $(GOLANGCI) ## run golangci-lint; builds it the first time, which takes minutes
	$(GOLANGCI) run ./...

fmt: $(GOLANGCI) ## format the Go files and sort their imports
	$(GOLANGCI) fmt ./...

deps: ## install what `make dev` and `make demo` need: PostgreSQL
	deploy/install-deps.sh run

deps-test: $(GOOSE) ## install what the tests need as well; builds goose the first time
	deploy/install-deps.sh test

clean: ## remove what was built; the data of `make dev` stays in .tenantry
	rm -rf bin .tenantry/bin docs/examples/node/node_modules

ci: ## do what CI does
	.ci/run

# The version is in the name, so another version is another file.
$(GOLANGCI):
	GOBIN=$(CURDIR)/.tenantry/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .tenantry/bin/golangci-lint $@

$(GOOSE):
	@echo "building goose $(GOOSE_VERSION), which the tests compare with"
	GOBIN=$(CURDIR)/.tenantry/bin go install -tags='no_clickhouse no_libsql no_mssql no_mysql no_spanner no_sqlite3 no_starrocks no_turso no_vertica no_ydb' github.com/pressly/goose/v3/cmd/goose@$(GOOSE_VERSION)
	mv .tenantry/bin/goose $@

$(VERSITYGW):
	@echo "building versitygw $(VERSITYGW_VERSION), the S3 server of the tests; it takes two minutes"
	GOBIN=$(CURDIR)/.tenantry/bin go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION)
	mv .tenantry/bin/versitygw $@
