package poolcache

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// failure is a failed opening of a tenant's pool, remembered so that not every caller tries again.
type failure struct {
	err   error
	until time.Time
	times int // in a row
}

// remembered returns the error of tenant's last opening if it is still remembered. c.mu must be held.
func (c *Cache) remembered(tenant string) error {
	f, ok := c.failures[tenant]
	if !ok {
		return nil
	}
	left := f.until.Sub(c.cfg.Clock.Now())
	if left <= 0 {
		return nil
	}
	return &OpenError{Tenant: tenant, RetryAfter: left, Err: f.err}
}

// remember notes that tenant's opening failed, and returns the error for those who waited for it. Not remembered is
// what is not the opening's fault: the resolver's answer, a node that is down (its breaker remembers), no budget, and
// that nobody waited any longer. c.mu must be held.
func (c *Cache) remember(tenant string, err error) error {
	c.counts.failedOpens++
	if asked, ok := errors.AsType[resolveError](err); ok {
		return asked.error
	}
	var after time.Duration
	if !isPassing(err) {
		f := failure{err: err, times: c.failures[tenant].times + 1}
		after = c.failureDelay(f.times)
		f.until = c.cfg.Clock.Now().Add(after)
		c.failures[tenant] = f
	}
	return &OpenError{Tenant: tenant, RetryAfter: after, Err: err}
}

// failureDelay doubles with each failure, and adds up to a half.
func (c *Cache) failureDelay(times int) time.Duration {
	d, most := c.cfg.FailureMin, c.cfg.FailureMax*2/3
	for range times - 1 {
		if d *= 2; d >= most {
			break
		}
	}
	d = min(d, most)
	return d + rand.N(d/2+1)
}

// forgetFailures drops what is no longer remembered, once it does not count towards the next delay either. c.mu must be
// held.
func (c *Cache) forgetFailures(now time.Time) {
	for tenant, f := range c.failures {
		if now.Sub(f.until) > c.cfg.FailureMax {
			delete(c.failures, tenant)
		}
	}
}

// isPassing reports whether err says nothing about the tenant's database.
func isPassing(err error) bool {
	return errors.Is(err, ErrNodeDown) || errors.Is(err, ErrNoBudget) || errors.Is(err, ErrNotRunning) ||
		errors.Is(err, errClosing) || errors.Is(err, errAbandoned) ||
		errors.Is(err, context.Canceled)
}
