package backup

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the program with this process, however that ends: a worker that is killed must not leave a dump that runs on.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
