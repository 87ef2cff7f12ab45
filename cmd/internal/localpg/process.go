package localpg

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
)

// runLocked runs a program to its end. The goroutine keeps its operating-system thread meanwhile, because the program's
// death signal fires when that thread ends, not when the process does.
func runLocked(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run() //nolint:wrapcheck // the callers name the step
}

// run is one life of a postmaster.
type run struct {
	pid    int
	exited chan struct{} // closed when the process was waited for
	err    error         // how it ended; valid after exited

	// unexpected and gone are guarded by Server.mu: an end counts as unexpected from the first successful connection
	// until somebody asks for it.
	unexpected, gone bool
}

// launch starts a program in the background. The goroutine that starts it also waits for it and keeps its thread all
// the time, see runLocked. onExit is called once, before exited closes.
func launch(cmd *exec.Cmd, onExit func(*run)) (*run, error) {
	r := &run{exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		r.pid = cmd.Process.Pid
		started <- nil
		r.err = cmd.Wait()
		onExit(r)
		close(r.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return r, nil
}

// ending says how a run ended, such as "exit status 1" or "signal: killed". Only after exited, or in onExit.
func (r *run) ending() string {
	if r.err == nil {
		return "exit status 0"
	}
	return r.err.Error()
}

// signal sends to a run that may have ended already.
func (r *run) signal(sig syscall.Signal) {
	select {
	case <-r.exited: // its id may belong to somebody else by now
	default:
		_ = syscall.Kill(r.pid, sig) // ended in this instant; the caller waits for exited anyway
	}
}
