package main

import "syscall"

// tmpfsMagic is statfs's name for a file system in memory.
const tmpfsMagic = 0x01021994

// fileSystem says whether a directory is in memory and how many bytes are free there; no and 0 if it does not exist.
func fileSystem(dir string) (inMemory bool, free uint64) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return false, 0
	}
	//nolint:gosec // G115: a block size is positive
	return stat.Type == tmpfsMagic, stat.Bavail * uint64(stat.Bsize)
}
