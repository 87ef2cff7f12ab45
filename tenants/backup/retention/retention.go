// Package retention says which of a tenant's backups may go. It is pure: who asks gives the backups and the policy, and carries out what it says.
//
// A policy keeps the newest backups, and one for each of the newest days, weeks, months and years that have one. A day without a backup does not use
// up one of the days: a tenant whose backups stopped a year ago keeps what it has.
//
// Whatever the policy says, three things never go: what is held, the newest backup that was verified, and what is newer than that. So there is
// always one that is known to restore, and nothing goes before its successor is proven.
package retention

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Policy says how many backups are kept. The zero value keeps what never goes, and nothing else.
type Policy struct {
	// Last is how many of the newest backups are kept.
	Last int `json:"last,omitempty"`
	// Daily, Weekly, Monthly and Yearly are how many of the newest days, weeks (they begin on Monday), months and years keep one backup each.
	Daily   int `json:"daily,omitempty"`
	Weekly  int `json:"weekly,omitempty"`
	Monthly int `json:"monthly,omitempty"`
	Yearly  int `json:"yearly,omitempty"`
}

// Most is how many of each a policy keeps at most.
const Most = 10_000

// Validate refuses a policy that makes no sense; its error names the field, the value and the fix.
func (p Policy) Validate() error {
	for _, f := range p.fields() {
		if f.value < 0 || f.value > Most {
			return fmt.Errorf("%s: %d is not from 0 to %d: give how many are kept", f.name, f.value, Most)
		}
	}
	return nil
}

type field struct {
	name  string
	value int
}

func (p Policy) fields() []field {
	return []field{{"last", p.Last}, {"daily", p.Daily}, {"weekly", p.Weekly}, {"monthly", p.Monthly}, {"yearly", p.Yearly}}
}

// Outcome is what verifying a backup has shown.
type Outcome int

const (
	// Unverified says that nobody has restored it yet, or that was inconclusive.
	Unverified Outcome = iota
	// Verified says that it was restored, and was what its manifest says.
	Verified
	// Failed says that it does not restore, or not to what it should be.
	Failed
)

// Backup is one complete backup of a tenant.
type Backup struct {
	ID string
	// At is the time of its snapshot.
	At time.Time
	// Until is up to when the tenant is known not to have changed since: a restore of any time between is this backup. The zero value, or one before At,
	// is At.
	Until   time.Time
	Outcome Outcome
	// Held by somebody: it stays until it is released.
	Held bool
}

func (b Backup) until() time.Time {
	if b.Until.Before(b.At) {
		return b.At
	}
	return b.Until
}

// Verdict is what becomes of one backup.
type Verdict struct {
	Backup

	// Why it stays, in words; nil for one that may go.
	Why []string
}

// Keep reports whether the backup stays.
func (v Verdict) Keep() bool { return len(v.Why) > 0 }

// Decide says of each backup whether it stays, the newest first. Days begin at midnight of the zone; nil is UTC. What it lets go can go in any order, and
// once it is gone Decide lets go nothing more.
func Decide(policy Policy, backups []Backup, zone *time.Location) []Verdict {
	if zone == nil {
		zone = time.UTC
	}
	list := make([]Verdict, len(backups))
	for i, b := range backups {
		list[i].Backup = b
	}
	slices.SortFunc(list, func(a, b Verdict) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	neverGo(list)
	last := 0
	for i := range list {
		if last < policy.Last && list[i].Outcome != Failed {
			list[i].Why = append(list[i].Why, "last")
			last++
		}
	}
	for _, class := range []class{{"daily", policy.Daily, day}, {"weekly", policy.Weekly, week}, {"monthly", policy.Monthly, month}, {"yearly", policy.Yearly, year}} {
		class.keep(list, zone)
	}
	return list
}

// neverGo keeps what stays whatever the policy is.
func neverGo(list []Verdict) {
	verified := slices.IndexFunc(list, func(v Verdict) bool { return v.Outcome == Verified })
	for i := range list {
		v := &list[i]
		switch {
		case v.Held:
			v.Why = append(v.Why, "held")
		case i == verified:
			v.Why = append(v.Why, "newest that is verified")
		case verified < 0:
			v.Why = append(v.Why, "none is verified yet")
		case i < verified && v.Outcome == Unverified:
			v.Why = append(v.Why, "newer than what is verified")
		}
	}
}

// class is one of the calendar's.
type class struct {
	name string
	most int
	// of is the beginning of the class's period that a time is in.
	of func(t time.Time) time.Time
}

// keep marks one backup for each of the newest periods that have one.
func (c class) keep(list []Verdict, zone *time.Location) {
	begin := func(t time.Time) time.Time { return c.of(t.In(zone)) }
	var upto time.Time // newer periods are done; zero at first
	for range c.most {
		period, found := newestPeriod(list, upto, begin)
		if !found {
			return
		}
		i := standsFor(list, period, begin)
		if !slices.Contains(list[i].Why, c.name) {
			list[i].Why = append(list[i].Why, c.name)
		}
		upto = begin(period.Add(-time.Second))
	}
}

// newestPeriod is the beginning of the newest period, not after upto unless that is zero, for which a backup stands.
func newestPeriod(list []Verdict, upto time.Time, begin func(time.Time) time.Time) (period time.Time, found bool) {
	for _, v := range list {
		if v.Outcome == Failed || (!upto.IsZero() && begin(v.At).After(upto)) {
			continue
		}
		its := begin(v.until())
		if !upto.IsZero() && its.After(upto) {
			its = upto
		}
		if !found || its.After(period) {
			period, found = its, true
		}
	}
	return period, found
}

// standsFor is the index of the backup that is kept for a period: the newest one; of those that were taken in it, the newest verified one.
func standsFor(list []Verdict, period time.Time, begin func(time.Time) time.Time) int {
	newest := -1
	for i, v := range list {
		if v.Outcome == Failed || begin(v.At).After(period) || begin(v.until()).Before(period) {
			continue
		}
		if v.Outcome == Verified && begin(v.At).Equal(period) {
			return i
		}
		if newest < 0 {
			newest = i
		}
	}
	return newest
}

func day(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
}

func week(t time.Time) time.Time {
	const days = 7
	y, m, d := t.Date()
	return time.Date(y, m, d-(int(t.Weekday())+days-1)%days, 0, 0, 0, 0, t.Location())
}

func month(t time.Time) time.Time {
	y, m, _ := t.Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, t.Location())
}

func year(t time.Time) time.Time {
	return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, t.Location())
}
