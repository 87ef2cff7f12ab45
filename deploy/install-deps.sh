#!/usr/bin/env bash
# Installs what Tenantry needs on this machine, and only what is missing. Running it again does nothing and is quick.
#
#   deploy/install-deps.sh run    PostgreSQL: server, contrib and client, for `make demo` and `make dev` (the default)
#   deploy/install-deps.sh test   the same, and what the tests use: a C compiler, PgBouncer, Chromium, Node and its packages
#
# It installs Debian packages, as root or through sudo; without either it prints the command for somebody who may.
# It starts no service: PostgreSQL gets no cluster of its own on port 5432, and PgBouncer is stopped on port 6432.
set -euo pipefail
shopt -s nullglob

root=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
node_example=$root/docs/examples/node
level=${1:-run}
oldest_postgres=15

say() { echo "install-deps: $*" >&2; }

fail() {
	say "$@"
	exit 1
}

have() { command -v "$1" >/dev/null; }

# all_in DIR FILE...: whether every file is there.
all_in() {
	local dir=$1 file
	shift
	for file; do [[ -e $dir/$file ]] || return 1; done
}

# have_postgres: whether one installation has everything, where cmd/internal/localpg looks for it.
have_postgres() {
	local bin share version
	for bin in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
		all_in "$bin" initdb postgres pg_ctl psql pg_dump pg_restore || continue
		version=${bin%/bin}
		version=${version##*/}
		if [[ $version =~ ^[0-9]+$ ]] && ((version < oldest_postgres)); then continue; fi
		for share in "/usr/share/postgresql/$version" "$bin"/../share "$bin"/../share/postgresql*; do
			all_in "$share/extension" postgres_fdw.control pg_stat_statements.control && return
		done
	done
	return 1
}

# missing_packages LEVEL: sets packages to the Debian packages to install.
missing_packages() {
	packages=()
	have_postgres || packages+=(postgresql postgresql-contrib postgresql-client)
	[[ $1 == test ]] || return 0
	have gcc || have cc || packages+=(gcc libc6-dev) # go test -race
	have pgbouncer || [[ -x /usr/sbin/pgbouncer ]] || packages+=(pgbouncer)
	have chromium || have chromium-browser || have google-chrome || packages+=(chromium chromium-sandbox fonts-liberation)
	if [[ -e $node_example/package.json ]]; then
		have node || packages+=(nodejs)
		have npm || packages+=(npm)
	fi
}

# install_command: prints one shell command, for root, that installs the packages.
install_command() {
	local common=/etc/postgresql-common step=()
	if [[ " ${packages[*]} " == *" postgresql "* && ! -e /usr/bin/pg_createcluster && ! -e $common/createcluster.conf ]]; then
		# Or Debian makes and starts a cluster on port 5432.
		step+=("mkdir -p $common" "echo 'create_main_cluster = false' >$common/createcluster.conf")
	fi
	step+=(
		"apt-get -qq update"
		"DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends ${packages[*]}"
	)
	if [[ " ${packages[*]} " == *" pgbouncer "* ]]; then
		# Debian starts it, now and at every boot. The tests run their own.
		step+=("if [ -d /run/systemd/system ]; then systemctl disable --quiet --now pgbouncer; else /etc/init.d/pgbouncer stop; update-rc.d pgbouncer disable; fi")
	fi
	local command
	printf -v command ' && %s' "${step[@]}"
	echo "${command# && }"
}

install_packages() {
	say "missing: ${packages[*]}"
	have apt-get || fail "this is not Debian or Ubuntu: install these with your own package manager (PostgreSQL $oldest_postgres or newer)"
	local command
	command=$(install_command)
	if ((EUID == 0)); then
		sh -c "$command" >&2
	elif have sudo && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
		sudo sh -c "$command" >&2
	else
		say "root is needed. Run this as root, then try again:"
		echo "$command"
		exit 1
	fi
	missing_packages "$level"
	((${#packages[@]} == 0)) || fail "still missing after the installation: ${packages[*]}"
	say "installed"
}

# install_node_packages: npm writes .package-lock.json last, so its absence also means a broken-off installation.
install_node_packages() {
	[[ -e $node_example/package.json ]] || return 0
	[[ -e $node_example/node_modules/.package-lock.json ]] && return
	say "install the Node example's packages"
	(cd "$node_example" && npm ci --no-audit --no-fund --loglevel=error) >&2
}

# newer_or_same THIS THAT: compares versions such as 1.26.8.
newer_or_same() {
	local -a this that
	local i
	IFS=. read -ra this <<<"$1"
	IFS=. read -ra that <<<"$2"
	for i in 0 1 2; do
		((${this[i]:-0} > ${that[i]:-0})) && return 0
		((${this[i]:-0} < ${that[i]:-0})) && return 1
	done
	return 0
}

check_go() {
	local want='' word value has
	while read -r word value _; do
		[[ $word != go ]] || want=$value
	done <"$root/go.mod"
	have go || fail "Go is missing: install Go $want or newer from https://go.dev/dl/"
	has=$(GOTOOLCHAIN=local go version) || fail "cannot run go"
	[[ $has =~ go([0-9]+(\.[0-9]+)*) ]] || fail "cannot read Go's version from: $has"
	has=${BASH_REMATCH[1]}
	newer_or_same "$has" "$want" && return
	if newer_or_same "$has" 1.21 && [[ $(cd / && go env GOTOOLCHAIN) != local ]]; then
		say "Go $has will fetch Go $want by itself"
		return
	fi
	fail "Go $has is too old: install Go $want or newer from https://go.dev/dl/"
}

case $level in
run | test) ;;
-h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit ;;
*) fail "unknown level $level: run or test" ;;
esac

missing_packages "$level"
((${#packages[@]} == 0)) || install_packages
[[ $level == run ]] || install_node_packages
check_go
