package crashtest

import "syscall"

// childAttributes ties a process to the test's: one that is killed leaves no workers behind.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
