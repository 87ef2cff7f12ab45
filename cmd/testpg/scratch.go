package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/avenit/tenantry/cmd/internal/localpg"
)

// scratchPrefix begins the names of our directories; the lock on each tells whether its testpg lives.
const scratchPrefix = "tenantry-testpg-"

// ramDisk holds throwaway clusters when it has this much room: about ten times what a run of the tests needs.
const (
	ramDisk     = "/dev/shm"
	ramDiskRoom = 4 << 30
)

// scratch is the directory of one run. The zero value is none.
type scratch struct {
	dir  string
	lock localpg.Lock
}

// scratchParent picks memory for throwaway clusters, and for durable ones a disk, where fsync means something.
func scratchParent(durable bool) string {
	if !durable {
		if inMemory, free := fileSystem(ramDisk); inMemory && free > ramDiskRoom {
			return ramDisk
		}
		return os.TempDir()
	}
	for _, dir := range []string{os.TempDir(), "/var/tmp"} {
		if inMemory, _ := fileSystem(dir); !inMemory {
			return dir
		}
	}
	return os.TempDir()
}

// newScratch makes and locks a directory that the server's user can enter. A sweep can take a new directory for an abandoned
// one before it is locked; then another one is made.
func newScratch(parent string) (scratch, error) {
	for {
		dir, err := os.MkdirTemp(parent, scratchPrefix)
		if err != nil {
			return scratch{}, fmt.Errorf("make scratch directory: %w", err)
		}
		lock, err := localpg.LockDir(dir)
		if errors.Is(err, localpg.ErrInUse) || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return scratch{}, err
		}
		err = os.Chmod(dir, 0o711) //nolint:gosec // G302: the server's user must pass through
		if err == nil {
			return scratch{dir: dir, lock: lock}, nil
		}
		lock.Release()
		if !errors.Is(err, os.ErrNotExist) {
			return scratch{}, fmt.Errorf("open scratch directory: %w", err)
		}
	}
}

// remove deletes the clusters and the directory.
func (s *scratch) remove(ctx context.Context) error {
	if s.dir == "" {
		return nil
	}
	defer s.lock.Release()
	clusters, err := filepath.Glob(filepath.Join(s.dir, "node*"))
	if err != nil {
		return fmt.Errorf("list clusters: %w", err)
	}
	for _, cluster := range clusters {
		if err := localpg.Remove(ctx, cluster); err != nil {
			return fmt.Errorf("remove cluster: %w", err)
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove scratch directory: %w", err)
	}
	return nil
}

// sweep removes what killed runs of this user left behind. In memory that would cost until the next reboot. It is a kindness:
// whatever fails is left to the next run.
func sweep(ctx context.Context, parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, scratchPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
			continue
		}
		lock, err := localpg.LockDir(dir)
		if err != nil {
			continue
		}
		abandoned := scratch{dir: dir, lock: lock}
		_ = abandoned.remove(ctx)
	}
}
