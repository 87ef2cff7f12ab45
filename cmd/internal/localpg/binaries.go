package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldestMajor is the oldest PostgreSQL that can be a node, see provision.MinServerVersion.
const oldestMajor = 15

// Binaries is a directory with PostgreSQL's server programs. The zero value is no installation.
type Binaries struct {
	// Dir is an absolute path that holds at least initdb, postgres and pg_ctl.
	Dir string
	// Version is what `postgres --version` says, such as "15.18" or "19beta1".
	Version string
	// Major is the version's first number, such as 15. A cluster only runs with the major that made it.
	Major int
}

// Path is the absolute path of one program, such as "pg_dump". It does not check that the program is there.
func (b Binaries) Path(program string) string { return filepath.Join(b.Dir, program) }

// Find returns the PostgreSQL to use. A hint is a directory and is final: nothing else is tried when it does not serve.
// Without a hint it is the newest of what Debian, RHEL, Homebrew and a build from source install, of what pg_config
// points to, and of PATH. The error says what to install.
func Find(hint string) (Binaries, error) {
	found, err := findAll(context.Background(), hint)
	if err != nil {
		return Binaries{}, err
	}
	return found[0], nil
}

// findAll is Find with every answer, newest first; it has at least one when the error is nil.
func findAll(ctx context.Context, hint string) ([]Binaries, error) {
	if hint != "" {
		b, err := inspect(ctx, hint)
		if err != nil {
			return nil, fmt.Errorf("use PostgreSQL in %s: %w", hint, err)
		}
		return []Binaries{b}, nil
	}

	var found []Binaries
	var unusable error // why an installation that is there was passed over
	for _, dir := range candidates(ctx) {
		b, err := inspect(ctx, dir)
		switch {
		case err == nil && !slices.Contains(found, b):
			found = append(found, b)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			unusable = err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("find PostgreSQL: %w", err)
	}
	if len(found) == 0 {
		return nil, notInstalled(unusable)
	}
	slices.SortStableFunc(found, func(a, b Binaries) int { return compareVersions(b.Version, a.Version) })
	return found, nil
}

// findMajor picks the installation that can run a cluster made by the given major version; 0 means any.
func findMajor(found []Binaries, major int) (Binaries, error) {
	for _, b := range found {
		if major == 0 || b.Major == major {
			return b, nil
		}
	}
	return Binaries{}, fmt.Errorf("the data was made by PostgreSQL %d and only %s is installed: "+
		"install that version too (apt-get install postgresql-%d), or remove the directory to begin anew",
		major, found[0].Version, major)
}

var errTooOld = errors.New("too old")

func notInstalled(unusable error) error {
	hint := "run `make deps`, or `apt-get install postgresql`, or name the directory of initdb and postgres"
	if unusable != nil {
		return fmt.Errorf("find a usable PostgreSQL server: %w: %s", unusable, hint)
	}
	return fmt.Errorf("PostgreSQL server is not installed (looked in /usr/lib/postgresql/*/bin, /usr/local/pgsql/bin, "+
		"`pg_config --bindir` and PATH): %s", hint)
}

// candidates lists directories worth inspecting; they may be missing or unfit.
func candidates(ctx context.Context) []string {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/local/pgsql/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
	} {
		matches, _ := filepath.Glob(pattern) // only a malformed pattern fails
		dirs = append(dirs, matches...)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(initdb))
	}
	return dirs
}

// inspect checks one directory and asks its server for the version.
func inspect(ctx context.Context, dir string) (Binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Binaries{}, fmt.Errorf("resolve directory: %w", err)
	}
	if program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil {
		dir = filepath.Dir(program) // initdb looks for its files beside the real program, and so do we
	}
	for _, program := range []string{"initdb", "postgres", "pg_ctl"} {
		info, err := os.Stat(filepath.Join(dir, program))
		if err != nil {
			return Binaries{}, fmt.Errorf("look for %s: %w", program, err)
		}
		if info.IsDir() || info.Mode().Perm()&0o111 == 0 {
			return Binaries{}, fmt.Errorf("%s is not a program", filepath.Join(dir, program))
		}
	}

	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	b := Binaries{Dir: dir}
	//nolint:gosec // G204: to run the program that was found is the purpose
	out, err := exec.CommandContext(ctx, b.Path("postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: %w", b.Path("postgres"), err)
	}
	if b.Version, b.Major, err = parseVersion(string(out)); err != nil {
		return Binaries{}, err
	}
	if b.Major < oldestMajor {
		return Binaries{}, fmt.Errorf("PostgreSQL %s in %s is %w: %d or newer is needed", b.Version, dir, errTooOld, oldestMajor)
	}
	return b, nil
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[0-9.a-z]*)`)

// parseVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func parseVersion(out string) (version string, major int, err error) {
	m := versionPattern.FindStringSubmatch(out)
	if m == nil {
		return "", 0, fmt.Errorf("read the version: unexpected answer %q", strings.TrimSpace(out))
	}
	if major, err = strconv.Atoi(m[2]); err != nil {
		return "", 0, fmt.Errorf("read the version: %w", err)
	}
	return m[1], major, nil
}

var nonDigits = regexp.MustCompile(`[^0-9]+`)

// compareVersions orders "9.6" < "15.9" < "15.18" < "18.4". A beta sorts by its numbers only, which is near enough here.
func compareVersions(a, b string) int {
	return slices.Compare(versionNumbers(a), versionNumbers(b))
}

func versionNumbers(version string) []int {
	var numbers []int
	for _, part := range nonDigits.Split(version, -1) {
		if n, err := strconv.Atoi(part); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
