package localpg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// writeFile puts a whole file in place, or none: temp beside it, write, sync, rename, sync the folder. The mode does not
// depend on the umask.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("make a temporary file: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error matters more
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename or a new name in a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir) //nolint:gosec // G304: a directory of ours
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// ErrInUse is returned by Start, Restart and Remove when a living process, perhaps this one, runs the cluster.
var ErrInUse = errors.New("cluster is in use by another process")

// Lock is held on a directory. It ends with the process at the latest; a child does not inherit it, so a server left behind
// does not hold it. systemd-tmpfiles also leaves a locked directory alone. The zero value holds nothing.
type Lock struct{ dir *os.File }

// LockDir takes the lock on an existing directory, or fails with ErrInUse. Start does it for its own directory; call it for
// directories that hold several clusters.
func LockDir(dir string) (Lock, error) {
	f, err := os.Open(dir) //nolint:gosec // G304: a directory of ours
	if err != nil {
		return Lock{}, fmt.Errorf("open for locking: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return Lock{dir: f}, nil
	}
	_ = f.Close() // the lock's error matters more
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return Lock{}, fmt.Errorf("lock %s: %w", dir, ErrInUse)
	}
	return Lock{}, fmt.Errorf("lock %s: %w", dir, err)
}

// Release is safe on the zero value and twice. It unlocks before it closes, because a child between fork and exec holds a copy
// of the descriptor for a moment.
func (l *Lock) Release() {
	if l.dir == nil {
		return
	}
	_ = syscall.Flock(int(l.dir.Fd()), syscall.LOCK_UN) // closing unlocks as well
	_ = l.dir.Close()                                   // opened for reading
	l.dir = nil
}
