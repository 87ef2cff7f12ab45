package fleettest

import (
	"flag"
	"fmt"
	"runtime"
)

// AtOnce lets a package run so many times more tests at once than there are processors, where most of them wait for servers and for each other's leases. It is
// called in TestMain, before the tests; what -parallel says counts.
func AtOnce(times int) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set(fmt.Sprint(times * runtime.GOMAXPROCS(0)))
	}
}
