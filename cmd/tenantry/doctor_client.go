package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/avenit/tenantry/tenants"
)

// examineClients looks for the programs that backups need. pg_dump refuses a server of a newer major version than its own.
func examineClients(ctx context.Context, p *patient, nodes []tenants.Node) {
	newest := 0 // major version
	for _, n := range nodes {
		newest = max(newest, n.ServerVersion/10000)
	}
	install := "apt-get install postgresql-client"
	if newest > 0 {
		install += fmt.Sprintf("-%d", newest)
	}
	path, err := exec.LookPath("pg_dump")
	if err != nil {
		p.warn("pg_dump", "is not in PATH: backups need it", install)
		return
	}
	major, err := majorOf(ctx, path)
	if err != nil {
		p.warn("pg_dump", fmt.Sprintf("%s does not say its version: %v", path, err), install)
		return
	}
	var newer []string
	for _, n := range nodes {
		if v := n.ServerVersion / 10000; v > major {
			newer = append(newer, fmt.Sprintf("%s (%d)", n.Name, v))
		}
	}
	if len(newer) > 0 {
		slices.Sort(newer)
		p.warn("pg_dump", fmt.Sprintf("%s is of PostgreSQL %d and refuses the newer servers of: %s", path, major, strings.Join(newer, ", ")), install)
		return
	}
	p.ok("pg_dump", "%s of PostgreSQL %d", path, major)
}

var clientVersion = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

// majorOf asks a client program of PostgreSQL for its major version.
func majorOf(ctx context.Context, path string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("run --version: %w", err)
	}
	found := clientVersion.FindSubmatch(said)
	if found == nil {
		return 0, fmt.Errorf("%q is no version", strings.TrimSpace(string(said)))
	}
	major, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0, fmt.Errorf("%q is no version: %w", found[1], err)
	}
	return major, nil
}
