// Package crashpoint names the places where a worker may die. Every step boundary has one, and the crash suite kills
// a real process at each of them.
//
// A point costs one atomic load when nothing is armed. Armed, the process reports the point it stands at and waits there
// to be killed, frozen or let go: see [Arm].
package crashpoint

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Point is a named place in the code.
type Point struct {
	name string
}

var (
	mu     sync.Mutex
	points = map[string]*Point{}
	armed  atomic.Pointer[trap]
	off    atomic.Pointer[map[string]bool]
)

// New registers a point: call it from a package-level variable. A name is "kind.step.before" or ".after".
func New(name string) *Point {
	mu.Lock()
	defer mu.Unlock()
	if points[name] != nil {
		panic("crashpoint: two points are named " + name)
	}
	points[name] = &Point{name: name}
	return points[name]
}

// Names lists every point of the program, sorted.
func Names() []string {
	mu.Lock()
	defer mu.Unlock()
	names := make([]string, 0, len(points))
	for name := range points {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// trap is where the process stops.
type trap struct {
	name   string
	skips  atomic.Int64 // hits that pass before the trap closes
	out    io.Writer
	stops  bool
	sprung atomic.Bool
}

// Arm sets the one trap of this process: "name", or "name#3" for the third time the point is reached. Where it closes, the
// line "crashpoint name" is written to out and the goroutine waits until its context ends, or for ever. With "stop:name"
// the whole process stops itself instead (SIGSTOP) and goes on right there when it is continued. A trap closes once.
func Arm(spec string, out io.Writer) error {
	name, stops := strings.CutPrefix(spec, "stop:")
	name, count, counted := strings.Cut(name, "#")
	mu.Lock()
	known := points[name] != nil
	mu.Unlock()
	if !known {
		return fmt.Errorf("crashpoint %q does not exist; known: %s", name, strings.Join(Names(), " "))
	}
	t := &trap{name: name, out: out, stops: stops}
	if counted {
		var n int64
		if _, err := fmt.Sscanf(count, "%d", &n); err != nil || n < 1 {
			return fmt.Errorf("crashpoint %q: the count after # is not a number from 1", spec)
		}
		t.skips.Store(n - 1)
	}
	armed.Store(t)
	return nil
}

// Disarm removes the trap.
func Disarm() { armed.Store(nil) }

// Hit stops here if this point is armed.
func (p *Point) Hit(ctx context.Context) {
	t := armed.Load()
	if t == nil || t.name != p.name || t.skips.Add(-1) >= 0 || !t.sprung.CompareAndSwap(false, true) {
		return
	}
	_, _ = fmt.Fprintf(t.out, "crashpoint %s\n", p.name)
	if t.stops {
		freeze()
		return
	}
	<-ctx.Done()
}

// freeze stops the process and returns when it is continued. A process stops thread by thread, so this one would run on for some
// microseconds if it did not wait.
func freeze() {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	<-continued
}

// HitNamed is [Point.Hit] for code that passes on a name, such as a hook.
func HitNamed(ctx context.Context, name string) {
	if armed.Load() == nil {
		return
	}
	mu.Lock()
	p := points[name]
	mu.Unlock()
	if p != nil {
		p.Hit(ctx)
	}
}

// TurnOff switches guards off by name, to show that the crash suite notices. The suite alone calls it.
func TurnOff(guards ...string) {
	set := map[string]bool{}
	for _, g := range guards {
		set[g] = true
	}
	off.Store(&set)
}

// Off says whether a guard was switched off.
func Off(guard string) bool {
	set := off.Load()
	return set != nil && (*set)[guard]
}
