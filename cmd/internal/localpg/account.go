package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// account is the operating-system user that PostgreSQL's programs run as. The zero value is this process's own user.
type account struct {
	name string
	cred *syscall.Credential // nil: no change of user
}

// uid of the files that belong to the server.
func (a account) uid() int {
	if a.cred == nil {
		return os.Geteuid()
	}
	return int(a.cred.Uid)
}

// serverAccount picks the user for a new cluster: ourselves, or when we are root, postgres or nobody.
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		return accountOf(u)
	}
	return account{}, errors.New("find a user for the server: PostgreSQL does not run as root, " +
		"and there is neither a user postgres nor nobody")
}

// ownerAccount picks the user for an existing data directory: whoever owns it.
func ownerAccount(dataDir string) (account, error) {
	owner, err := ownerOf(dataDir)
	if err != nil {
		return account{}, err
	}
	switch {
	case owner == os.Geteuid() && owner != 0:
		return account{}, nil
	case os.Geteuid() != 0:
		return account{}, fmt.Errorf("%s belongs to the user with id %d: start as that user or as root", dataDir, owner)
	case owner == 0: // copied by root; prepareData hands it over
		return serverAccount()
	}
	u, err := user.LookupId(strconv.Itoa(owner))
	if err != nil {
		return account{}, fmt.Errorf("look up the owner of %s: %w", dataDir, err)
	}
	return accountOf(u)
}

func accountOf(u *user.User) (account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("read the user id of %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("read the group id of %s: %w", u.Username, err)
	}
	return account{name: u.Username, cred: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

func ownerOf(path string) (int, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, fmt.Errorf("look up the owner: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("look up the owner of %s: not told by the system", path)
	}
	return int(stat.Uid), nil
}

// command is a program of PostgreSQL, run as the account, in a session of its own, with an environment that does not
// depend on ours: PGDATA, PGPORT and the like would change what it does. The program gets onParentDeath when the
// operating-system thread that starts it ends, so run it with runLocked or launch.
func (a account) command(ctx context.Context, onParentDeath syscall.Signal, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // G204: the program is one that Find returned
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + filepath.Dir(program) + ":/usr/bin:/bin", "LC_ALL=C", "HOME=/"}
	cmd.SysProcAttr = childAttributes(onParentDeath)
	cmd.SysProcAttr.Credential = a.cred
	// At the context's end the whole session is asked to end, so that PostgreSQL gives back its shared memory.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// own gives a file or an empty directory of ours to the account.
func (a account) own(path string) error {
	if a.cred == nil {
		return nil
	}
	if err := os.Lchown(path, int(a.cred.Uid), int(a.cred.Gid)); err != nil {
		return fmt.Errorf("hand over to %s: %w", a.name, err)
	}
	return nil
}

// ownTree is own for a whole directory. Only for a tree that belongs to root, where nobody else can have put a link.
func (a account) ownTree(root string) error {
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return a.own(path)
	})
	if err != nil {
		return fmt.Errorf("hand over %s: %w", root, err)
	}
	return nil
}

// errUnreachable means that the account exists and the programs run, but a directory is closed to it.
var errUnreachable = errors.New("directory is closed to the server's user")

// canEnter checks by trying, so that access control lists and mounts count as well: it runs a program in the directory.
func (a account) canEnter(ctx context.Context, bin Binaries, dir string) error {
	if a.cred == nil {
		return nil
	}
	try := func(dir string) error {
		return runLocked(a.command(ctx, syscall.SIGKILL, dir, bin.Path("postgres"), "--version"))
	}
	if err := try("/"); err != nil {
		return fmt.Errorf("run %s as user %s: %w", bin.Path("postgres"), a.name, err)
	}
	if err := try(dir); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("enter %s as user %s: %w", dir, a.name, errUnreachable)
		}
		return fmt.Errorf("enter %s as user %s: %w", dir, a.name, err)
	}
	return nil
}
