package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
)

// Remove deletes a cluster for good: the directory and, if its data lives elsewhere, that too. It stops a server that was left
// behind first, and fails with ErrInUse when somebody runs the cluster. A directory that does not exist is no error.
func Remove(ctx context.Context, dir string) error {
	target, err := realPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if target, err = filepath.Abs(target); err != nil {
		return fmt.Errorf("resolve directory: %w", err)
	}
	held, err := LockDir(target)
	if err != nil {
		return err
	}
	defer held.Release()

	p := place{dir: target, base: target}
	base, err := readLocation(p)
	if err != nil {
		return err
	}
	if base != "" {
		if err := removeRelocation(ctx, base, zerolog.Nop()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := stopLeftovers(ctx, p.dataDir(), zerolog.Nop()); err != nil {
		return err
	}
	if err := os.RemoveAll(target); err != nil {
		return fmt.Errorf("remove directory: %w", err)
	}
	return nil
}
