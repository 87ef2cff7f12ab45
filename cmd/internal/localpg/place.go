package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
)

// place says where a cluster's files are and who runs its server.
type place struct {
	dir     string // Config.Dir, absolute, without links: password, port, log, location
	base    string // data/ and server.conf; the same as dir unless relocated
	account account
}

func (p place) dataDir() string      { return filepath.Join(p.base, "data") }
func (p place) serverConf() string   { return filepath.Join(p.base, "server.conf") }
func (p place) passwordFile() string { return filepath.Join(p.dir, "password") }
func (p place) portFile() string     { return filepath.Join(p.dir, "port") }
func (p place) logFile() string      { return filepath.Join(p.dir, "postgres.log") }
func (p place) locationFile() string { return filepath.Join(p.dir, "location") }
func (p place) relocated() bool      { return p.base != p.dir }

// makeDir makes Config.Dir when it is missing and returns its real, absolute path.
func makeDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolve directory: %w", err)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		//nolint:gosec // G301: the server's user must pass through; what is secret in here has its own mode
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", fmt.Errorf("make directory: %w", err)
		}
		//nolint:gosec // G302: the same, whatever the umask
		if err := os.Chmod(dir, 0o755); err != nil {
			return "", fmt.Errorf("open directory: %w", err)
		}
	}
	return realPath(dir)
}

// realPath removes links from a path, so that a directory has one name in hashes and command lines.
func realPath(dir string) (string, error) {
	target, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", fmt.Errorf("resolve directory: %w", err)
	}
	return target, nil
}

// findPlace looks where the cluster of a directory is, or decides where a new one goes. The caller holds the lock on dir.
func findPlace(ctx context.Context, dir string, bin Binaries, log zerolog.Logger) (place, error) {
	p := place{dir: dir, base: dir}
	recorded, err := readLocation(p)
	if err != nil {
		return place{}, err
	}
	if recorded != "" {
		p.base = recorded
	}
	exists, err := p.adopt()
	if err != nil {
		return place{}, err
	}
	if exists {
		if err := p.account.canEnter(ctx, bin, p.base); err != nil {
			return place{}, fmt.Errorf("reach the cluster's data: %w", err)
		}
		return p, nil
	}

	if p.account, err = serverAccount(); err != nil {
		return place{}, err
	}
	if !p.relocated() {
		err := p.account.canEnter(ctx, bin, dir)
		if !errors.Is(err, errUnreachable) {
			return p, err
		}
		if p.base, err = chooseRelocation(ctx, p, log); err != nil {
			return place{}, err
		}
	}
	if err := makeRelocation(p.base); err != nil {
		return place{}, err
	}
	return p, p.account.canEnter(ctx, bin, p.base)
}

// adopt takes the account of an existing data directory. It says whether there is one, with something in it.
func (p *place) adopt() (bool, error) {
	_, err := os.Lstat(p.dataDir())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for data: %w", err)
	}
	if p.account, err = ownerAccount(p.dataDir()); err != nil {
		return false, err
	}
	return hasFiles(p.dataDir())
}

// hasFiles says whether a directory exists and has something in it.
func hasFiles(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("look for data: %w", err)
	}
	return len(entries) > 0, nil
}

// majorOf reads which PostgreSQL made the data; 0 when there is none yet.
func majorOf(dataDir string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION")) //nolint:gosec // G304: in our own data directory
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read PG_VERSION: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("read PG_VERSION: %w", err)
	}
	return major, nil
}
