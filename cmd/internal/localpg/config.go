package localpg

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Durability says what a cluster's data must survive. The zero value is Durable.
type Durability int

const (
	// Durable keeps committed data through a power cut, as PostgreSQL does by itself.
	Durable Durability = iota
	// Throwaway switches off fsync and full_page_writes. Committed data survives the end of the server, also a violent one,
	// but not that of the machine. For tests. synchronous_commit stays on: off would lose what was committed just before
	// a crash of the server, which crash tests would take for our bug, and gains 2 % once fsync is off.
	Throwaway
)

// String is "durable" or "throwaway".
func (d Durability) String() string {
	if d == Throwaway {
		return "throwaway"
	}
	return "durable"
}

// Config describes a private cluster. Only Dir is needed.
type Config struct {
	// Dir is the directory that identifies the cluster; Start makes it when it is missing. Required.
	Dir string

	// Bin is the directory of PostgreSQL's programs. Defaults to what Find finds; if there are several versions, the one
	// that made the cluster, else the newest.
	Bin string

	// Port is the TCP port on 127.0.0.1. Zero takes the port this directory had before, or picks a free one and remembers it.
	Port int

	// Settings are more lines for the server's configuration and win over this package's defaults, for example
	// {"max_connections": "500"}. Where the server listens and where its files are cannot be set here.
	Settings map[string]string

	// Durability is what the data must survive. Defaults to Durable.
	Durability Durability

	// StartTimeout bounds the wait for the first connection, crash recovery included. Defaults to two minutes.
	StartTimeout time.Duration

	// Log gets a few lines about the cluster's life. The server's own output goes to a file, see Server.LogPath.
	// Defaults to silence.
	Log zerolog.Logger
}

// WithDefaults fills what was left zero. Port stays zero, because only the directory knows it.
func (c Config) WithDefaults() Config {
	if c.StartTimeout == 0 {
		c.StartTimeout = 2 * time.Minute
	}
	return c
}

// reserved settings are part of the cluster's identity; other values would break what Server promises.
var reserved = []string{
	"cluster_name", "config_file", "data_directory", "hba_file", "ident_file", "external_pid_file",
	"listen_addresses", "port", "unix_socket_directories",
}

func (c Config) validate() error {
	if c.Dir == "" {
		return errors.New("config: Dir is required")
	}
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("config: Port %d is not a TCP port", c.Port)
	}
	if c.StartTimeout < 0 {
		return fmt.Errorf("config: StartTimeout %s is negative", c.StartTimeout)
	}
	for name, value := range c.Settings {
		if slices.Contains(reserved, strings.ToLower(name)) {
			return fmt.Errorf("config: setting %s belongs to localpg", name)
		}
		if name == "" || strings.Trim(name, settingCharacters) != "" {
			return fmt.Errorf("config: %q is not the name of a setting", name)
		}
		if strings.ContainsAny(value, "\n\r\x00") {
			return fmt.Errorf("config: the value of %s holds a line break", name)
		}
	}
	return nil
}

// settingCharacters may occur in a setting's name; the dot is for extensions, as in pg_stat_statements.max.
const settingCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

// settings merges defaults, durability and the caller's wishes; the later wins.
func (c Config) settings() map[string]string {
	merged := map[string]string{
		"max_connections": "300",
		// A backend whose client died notices within this time, in the middle of CREATE DATABASE too.
		"client_connection_check_interval": "250ms",
		"password_encryption":              "scram-sha-256",
		// See provision.MaxAuthenticationTimeout.
		"authentication_timeout": "10s",

		// Moving a tenant between nodes uses logical replication, several at a time.
		"wal_level":                       "logical",
		"max_wal_senders":                 "20",
		"max_replication_slots":           "20",
		"max_logical_replication_workers": "16",
		"max_worker_processes":            "24",

		"timezone":        "UTC",
		"log_timezone":    "UTC",
		"log_line_prefix": "%m [%p] %q%u@%d %a ",
		"log_checkpoints": "off",
		"lc_messages":     "C", // isPortTaken reads the log
	}
	if c.Durability == Throwaway {
		merged["fsync"] = "off"
		merged["full_page_writes"] = "off"
		// In the data directory, so that a killed server's goes with it. The default, /dev/shm, would keep it until a reboot.
		merged["dynamic_shared_memory_type"] = "mmap"
	}
	for name, value := range c.Settings {
		merged[strings.ToLower(name)] = value
	}
	return merged
}

// serverConf renders server.conf. What initdb found out about the machine (shared memory, locale) comes first, ours second,
// and ALTER SYSTEM still has the last word.
func (c Config) serverConf(dataDir string) []byte {
	var b strings.Builder
	b.WriteString("# Written at every start; a change here is lost. Use ALTER SYSTEM.\n")
	fmt.Fprintf(&b, "include %s\n", quoteSetting(dataDir+"/postgresql.conf"))
	settings := c.settings()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = %s\n", name, quoteSetting(settings[name]))
	}
	return []byte(b.String())
}

func quoteSetting(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(value) + "'"
}
