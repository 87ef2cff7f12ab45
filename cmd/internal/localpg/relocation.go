package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
)

// relocationPrefix begins the places for the data of clusters whose own directory the server's user cannot enter. /var/tmp
// survives a reboot.
const relocationPrefix = "/var/tmp/tenantry-"

// chooseRelocation names the other place and records it. What is there already belongs to a directory of this path that was
// deleted since, so it goes too.
func chooseRelocation(ctx context.Context, p place, log zerolog.Logger) (string, error) {
	base := relocationPrefix + shortHash(p.dir)
	if _, err := os.Lstat(base); err == nil {
		log.Info().Str("directory", base).Msg("remove the data of a directory that was deleted")
		if err := removeRelocation(ctx, base, log); err != nil {
			return "", err
		}
	}
	// The record comes before the data: data without a record looks abandoned.
	if err := writeFile(p.locationFile(), []byte(base+"\n"), 0o644); err != nil {
		return "", err
	}
	log.Info().Str("server_user", p.account.name).Str("directory", base).
		Msg("the server's user cannot enter the cluster's directory; its data lives elsewhere")
	return base, nil
}

// readLocation returns the other place, or "" when the data is in dir. Remove and Start delete and write there as root, so
// only a name that chooseRelocation can have given counts.
func readLocation(p place) (string, error) {
	raw, err := os.ReadFile(p.locationFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read location: %w", err)
	}
	base := strings.TrimSpace(string(raw))
	if hash, ok := strings.CutPrefix(base, relocationPrefix); !ok || strings.Trim(hash, "0123456789abcdef") != "" {
		return "", fmt.Errorf("read location: %s says %q, which is not a place of ours", p.locationFile(), base)
	}
	return base, nil
}

// makeRelocation makes the other place. Everybody may write to its parent, so one that exists must be ours.
func makeRelocation(base string) error {
	//nolint:gosec // G301: the server's user must pass through
	if err := os.Mkdir(base, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make directory for the data: %w", err)
	}
	if err := checkRelocation(base); err != nil {
		return err
	}
	if err := os.Chmod(base, 0o711); err != nil { //nolint:gosec // G302: the same, whatever the umask
		return fmt.Errorf("open directory for the data: %w", err)
	}
	return nil
}

func checkRelocation(base string) error {
	info, err := os.Lstat(base)
	if err != nil {
		return fmt.Errorf("check directory for the data: %w", err)
	}
	owner, err := ownerOf(base)
	if err != nil {
		return err
	}
	if !info.IsDir() || owner != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("check directory for the data: %s is not a directory that only we can change; remove it", base)
	}
	return nil
}

func removeRelocation(ctx context.Context, base string, log zerolog.Logger) error {
	if err := checkRelocation(base); err != nil {
		return err
	}
	held, err := LockDir(base)
	if err != nil {
		return err
	}
	defer held.Release()
	if err := stopLeftovers(ctx, filepath.Join(base, "data"), log); err != nil {
		return err
	}
	if err := os.RemoveAll(base); err != nil {
		return fmt.Errorf("remove directory of the data: %w", err)
	}
	return nil
}
