package workers

import (
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/poolcache"
)

// Config of a [Runtime].
type Config struct {
	// ControlURL reaches the control database directly: LISTEN is lost silently behind a transaction-mode pooler.
	ControlURL string
	// Keys open the nodes' and tenants' passwords.
	Keys *tenants.Keyring
	// Concurrency is the number of jobs at a time per queue. Missing queues have their default; 0 turns a queue off.
	Concurrency map[string]int
	// FetchCooldown is the shortest time between two fetches of a queue: it bounds both the rate (concurrency / cooldown)
	// and how soon a job starts. Defaults to 20 ms.
	FetchCooldown time.Duration
	// Grace is how long running jobs may go on after Stop before they are handed over. Defaults to 30 s.
	Grace time.Duration
	// Lease is how long this worker counts as alive after its last heartbeat. Defaults to 10 s.
	Lease time.Duration
	// SessionsPerNode bounds the provisioner's sessions on each node. Defaults to 8.
	SessionsPerNode int
	// BackupURL is where backups are kept, see [backup.OpenStore]. Defaults to [backup.DefaultURL].
	BackupURL string
	// PgBinDir is where pg_dump and pg_restore are. Empty: they are looked for, the version of each server's own first.
	PgBinDir string
	// Pools bounds the cache of tenants' pools.
	Pools poolcache.Config
	// Version is shown with the worker.
	Version string
	// Host is shown with the worker. Defaults to the machine's name.
	Host string
	// Log is where canonical lines go.
	Log zerolog.Logger
	// Metrics counts what this process does; nil counts nothing.
	Metrics *Metrics
}

// defaultConcurrency per queue: provisioning is bound by the servers' CREATE DATABASE, no-ops by nothing.
var defaultConcurrency = map[string]int{
	jobs.QueueProvision: 8,
	jobs.QueueMigrate:   8,
	jobs.QueueDDL:       4,
	jobs.QueueBackup:    3,
	jobs.QueueFanout:    4,
	jobs.QueueDefault:   50,
}

func (c Config) withDefaults() Config {
	concurrency := maps.Clone(defaultConcurrency)
	maps.Copy(concurrency, c.Concurrency)
	c.Concurrency = concurrency
	if c.FetchCooldown == 0 {
		c.FetchCooldown = 20 * time.Millisecond
	}
	if c.Grace == 0 {
		c.Grace = 30 * time.Second
	}
	if c.Lease == 0 {
		c.Lease = 10 * time.Second
	}
	if c.BackupURL == "" {
		c.BackupURL = backup.DefaultURL
	}
	if c.Host == "" {
		c.Host, _ = os.Hostname()
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.ControlURL == "":
		return fmt.Errorf("control URL: missing; set TENANTRY_CONTROL_URL")
	case c.Keys == nil:
		return fmt.Errorf("secret key: missing; set TENANTRY_SECRET_KEY (make one with: tenantry key new)")
	case c.Lease < time.Second:
		return fmt.Errorf("lease: %s is too short; give at least 1s", c.Lease)
	case c.FetchCooldown < time.Millisecond:
		return fmt.Errorf("fetch cooldown: %s is too short; give at least 1ms", c.FetchCooldown)
	}
	works := false
	for queue, n := range c.Concurrency {
		if _, known := defaultConcurrency[queue]; !known {
			return fmt.Errorf("concurrency: there is no queue %q; queues are %v", queue, jobs.Queues())
		}
		if n < 0 || n > 10000 {
			return fmt.Errorf("concurrency: %s=%d is not from 0 to 10000", queue, n)
		}
		works = works || n > 0
	}
	if !works {
		return fmt.Errorf("concurrency: every queue is off")
	}
	return nil
}
