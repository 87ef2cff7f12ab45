package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/term"
)

// child is the command that testpg runs.
type child struct {
	command               []string
	environ               []string
	stdin, stdout, stderr *os.File
}

// run runs the command to its end and returns its exit code. An error means that there was no command to run.
//
// At a terminal the command stays in our process group, so that it can read the terminal, and Ctrl-C reaches both. Elsewhere it
// gets a group of its own: signals then reach `go test` and its test binaries alike, and whatever the command leaves behind ends
// with it. Linux kills the command when testpg is killed.
func (c child) run(signals <-chan os.Signal) (int, error) {
	runtime.LockOSThread() // the death signal is tied to the thread
	defer runtime.UnlockOSThread()

	ownGroup := !term.IsTerminal(int(c.stdin.Fd()))
	//nolint:gosec // G204: to run the command that was given is the purpose
	cmd := exec.CommandContext(context.Background(), c.command[0], c.command[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.environ, c.stdin, c.stdout, c.stderr
	cmd.SysProcAttr = childAttributes(ownGroup)
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return exitNotFound, fmt.Errorf("find command: %w", err)
		}
		return exitFailure, fmt.Errorf("start command: %w", err)
	}
	target := cmd.Process.Pid
	if ownGroup {
		target = -target
	}

	ended := make(chan struct{})
	forwarded := make(chan struct{})
	go func() {
		defer close(forwarded)
		for {
			select {
			case s := <-signals:
				if s, ok := s.(syscall.Signal); ok {
					_ = syscall.Kill(target, s) // it may have ended just now
				}
			case <-ended:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(ended)
	<-forwarded
	if ownGroup {
		endGroup(target)
	}
	return exitCode(err)
}

// groupGrace is how long what a command left behind may take to clean up after itself, a testpg that a test runs for example.
const groupGrace = 5 * time.Second

// endGroup ends what is left of a process group, which is mostly nothing: politely, then for good.
func endGroup(group int) {
	grace := time.NewTimer(groupGrace)
	defer grace.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for sig := syscall.SIGTERM; syscall.Kill(group, sig) == nil; sig = 0 { // 0 only asks
		select {
		case <-tick.C:
		case <-grace.C:
			_ = syscall.Kill(group, syscall.SIGKILL) // it may have ended just now
			return
		}
	}
}

// exitCode reads the result of Wait as a shell does.
func exitCode(err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return exitFailure, fmt.Errorf("wait for command: %w", err)
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal()), nil
	}
	return ended.ExitCode(), nil
}
