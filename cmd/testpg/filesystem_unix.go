//go:build unix && !linux

package main

// fileSystem knows of no file systems in memory here.
func fileSystem(string) (inMemory bool, free uint64) { return false, 0 }
