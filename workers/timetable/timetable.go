// Package timetable says when something is due that is done at set times. It is pure: who asks gives the clock's time.
//
// An expression has the five fields of cron, and is about the clock on the wall of a zone. Where that clock is set forward or back, daylight saving time for
// example,
//
//   - a time that the clock leaps over is due at the moment of the leap,
//   - a time that the clock shows twice is due the first time,
//   - with every hour (a field that is *) it is due each time that the clock shows the minute, neither more seldom nor more often than by a clock that goes on.
//
// So 30 2 * * * is due once on each day of the year, and */10 * * * * every ten minutes, in any zone.
package timetable

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Times are those of an expression in a zone. The zero value is never due.
type Times struct {
	wall   cron.Schedule // of clocks that nobody sets
	zone   *time.Location
	hourly bool // every hour
}

// fields of an expression: minute, hour, day of month, month, day of week.
const (
	fields    = 5
	hourField = 1
)

var errFields = errors.New("give five fields: minute, hour, day of month, month, day of week (0 is Sunday), such as 15 2 * * *")

// Parse reads an expression and the name of a zone, such as Europe/Berlin; "" is UTC.
func Parse(expression, zone string) (Times, error) {
	list := strings.Fields(expression)
	if len(list) != fields || strings.HasPrefix(expression, "TZ=") || strings.HasPrefix(expression, "CRON_TZ=") {
		return Times{}, fmt.Errorf("cron expression %q: %w", expression, errFields)
	}
	wall, err := cron.ParseStandard("TZ=UTC " + expression)
	if err != nil {
		return Times{}, fmt.Errorf("cron expression %q: %w: %w", expression, err, errFields)
	}
	if zone == "Local" {
		return Times{}, fmt.Errorf("zone %q is another one on each machine: give a name such as Europe/Berlin, or UTC", zone)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Times{}, fmt.Errorf("zone %q is not known: give a name such as Europe/Berlin, or UTC", zone)
	}
	return Times{wall: wall, zone: location, hourly: list[hourField] == "*"}, nil
}

// mostSet is by how much a zone's clock is set at most, in one go. Samoa left a day out, once.
const mostSet = 25 * time.Hour

// Next is the first time after a time, in UTC; zero when there is none within five years.
func (t Times) Next(after time.Time) time.Time {
	if t.wall == nil {
		return time.Time{}
	}
	if next, sure := t.nextUnset(after); sure {
		return next
	}
	var best, until time.Time
	for shown := t.wall.Next(face(after.In(t.zone)).Add(-mostSet)); !shown.IsZero() && (best.IsZero() || !shown.After(until)); shown = t.wall.Next(shown) {
		for _, at := range t.moments(shown) {
			if at.After(after) && (best.IsZero() || at.Before(best)) {
				best = at
				until = shown.Add(mostSet) // a later time on the clock may come earlier, where it is set back
			}
		}
	}
	return best
}

// nextUnset is the first time after a time while nobody sets the clock; sure is false when somebody may.
func (t Times) nextUnset(after time.Time) (next time.Time, sure bool) {
	here := after.In(t.zone)
	since, until := here.ZoneBounds()
	if !since.IsZero() && after.Sub(since) < mostSet {
		return next, false
	}
	shown := t.wall.Next(face(here))
	if shown.IsZero() {
		return shown, until.IsZero()
	}
	_, seconds := here.Zone()
	next = shown.Add(-time.Duration(seconds) * time.Second)
	return next, until.IsZero() || next.Before(until)
}

// face is what a clock shows, as a time of a clock that nobody sets.
func face(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// moments are those at which what a clock shows is due.
func (t Times) moments(shown time.Time) []time.Time {
	var list []time.Time
	var offsets [2]time.Duration
	for i, near := range []time.Duration{-mostSet, mostSet} {
		_, seconds := shown.Add(near).In(t.zone).Zone()
		offsets[i] = time.Duration(seconds) * time.Second
	}
	before, then := shown.Add(-offsets[0]), shown.Add(-offsets[1])
	for _, at := range []time.Time{before, then} {
		if face(at.In(t.zone)).Equal(shown) && (len(list) == 0 || t.hourly && !at.Equal(list[0])) {
			list = append(list, at)
		}
	}
	if len(list) > 0 || t.hourly {
		return list
	}
	// The clock leaps over it. By the clock that is not set yet, it is after the leap.
	leap, _ := before.In(t.zone).ZoneBounds()
	return []time.Time{leap.UTC()}
}

// Due lists the times after last, up to now, the oldest first, and says whether there are more than most. When last is after now, because a clock was wrong, none
// is due.
func (t Times) Due(last, now time.Time, most int) (due []time.Time, more bool) {
	for next := t.Next(last); !next.IsZero() && !next.After(now); next = t.Next(next) {
		if len(due) == most {
			return due, true
		}
		due = append(due, next)
	}
	return due, false
}
