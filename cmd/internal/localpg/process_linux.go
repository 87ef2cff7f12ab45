package localpg

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// childAttributes detaches a child from the terminal and ties its life to ours. Go sets the death signal after it changed
// the user, because the kernel forgets it at that change.
func childAttributes(onParentDeath syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: onParentDeath}
}

// commandLines maps the id of every running process to its arguments, joined by spaces. /proc/…/cmdline is open to all,
// unlike /proc/…/cwd, which root in a container may not read. A zombie has no command line and is left out.
func commandLines() (map[int]string, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	lines := make(map[int]string, len(paths))
	for _, path := range paths {
		raw, err := os.ReadFile(path) //nolint:gosec // G304: a path below /proc
		if err != nil || len(raw) == 0 {
			continue // ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		lines[pid] = strings.ReplaceAll(strings.TrimRight(string(raw), "\x00"), "\x00", " ")
	}
	return lines, nil
}
