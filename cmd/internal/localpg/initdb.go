package localpg

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
)

// Superuser is the role that initdb makes and that Server.URL logs in as.
const Superuser = "postgres"

// newDataPrefix begins the names of data directories in the making.
const newDataPrefix = "data.new-"

// ensurePassword reads the superuser's password, or makes one when there is no cluster yet.
func ensurePassword(p place) (string, error) {
	raw, err := os.ReadFile(p.passwordFile())
	if err == nil && len(bytes.TrimSpace(raw)) > 0 {
		return string(bytes.TrimSpace(raw)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read password: %w", err)
	}
	exists, err := hasFiles(p.dataDir())
	if err != nil {
		return "", err
	}
	if exists {
		return "", fmt.Errorf("read password: there is a cluster in %s, but %s is missing or empty; "+
			"put it back, or remove the directory to begin anew", p.dataDir(), p.passwordFile())
	}
	password := rand.Text()
	return password, writeFile(p.passwordFile(), []byte(password+"\n"), 0o600)
}

// prepareData makes the data directory when it is missing. It works beside it and renames at the end: whatever carries the
// name "data" is finished, whatever a killed run left under another name is thrown away.
func prepareData(ctx context.Context, p place, bin Binaries, durability Durability, password string, log zerolog.Logger) error {
	sweepUnfinished(p.base, log)
	exists, err := hasFiles(p.dataDir())
	if err != nil {
		return err
	}
	if exists {
		return checkData(p)
	}

	unfinished, err := os.MkdirTemp(p.base, newDataPrefix)
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := p.account.own(unfinished); err != nil {
		return err
	}
	if err := initdb(ctx, p, bin, durability, unfinished, password); err != nil {
		_ = os.RemoveAll(unfinished) // the next start sweeps it as well
		return err
	}
	if err := os.Rename(unfinished, p.dataDir()); err != nil {
		return fmt.Errorf("put data directory in place: %w", err)
	}
	if err := syncDir(p.base); err != nil {
		return err
	}
	log.Info().Str("data_directory", p.dataDir()).Str("version", bin.Version).Msg("initialised a PostgreSQL cluster")
	return nil
}

// checkData refuses a directory that PostgreSQL did not make, and hands one over that root copied.
func checkData(p place) error {
	if _, err := os.Stat(filepath.Join(p.dataDir(), "PG_VERSION")); err != nil {
		return fmt.Errorf("use %s: it has files but is no data directory of PostgreSQL: %w", p.dataDir(), err)
	}
	owner, err := ownerOf(p.dataDir())
	if err != nil {
		return err
	}
	if owner != 0 || p.account.uid() == 0 {
		return nil
	}
	return p.account.ownTree(p.dataDir())
}

// sweepUnfinished removes what killed runs began. What cannot be removed, because a straggler still writes, is left for the
// next time; it is in nobody's way.
func sweepUnfinished(base string, log zerolog.Logger) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), newDataPrefix) {
			continue
		}
		log.Info().Str("directory", entry.Name()).Msg("remove a half-made cluster")
		if err := os.RemoveAll(filepath.Join(base, entry.Name())); err != nil {
			log.Warn().Err(err).Msg("a half-made cluster stays for now")
		}
	}
}

func initdb(ctx context.Context, p place, bin Binaries, durability Durability, dir, password string) error {
	// initdb takes the password from a file that its user can read. The name makes the sweep cover it.
	file, err := os.CreateTemp(p.base, newDataPrefix+"password-")
	if err != nil {
		return fmt.Errorf("pass password to initdb: %w", err)
	}
	defer os.Remove(file.Name()) //nolint:errcheck // swept at the next start
	_, err = file.WriteString(password + "\n")
	if err := errors.Join(err, file.Close(), p.account.own(file.Name())); err != nil {
		return fmt.Errorf("pass password to initdb: %w", err)
	}

	args := []string{
		"-D", dir, "-U", Superuser, "--pwfile", file.Name(),
		"--auth-host=scram-sha-256", "--auth-local=scram-sha-256",
		"--locale=C.UTF-8", "-E", "UTF8",
	}
	if durability == Throwaway {
		args = append(args, "--no-sync")
	}
	cmd := p.account.command(ctx, syscall.SIGKILL, p.base, bin.Path("initdb"), args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := runLocked(cmd); err != nil {
		return fmt.Errorf("run initdb: %w%s", err, indentTail(output.Bytes()))
	}
	return nil
}
