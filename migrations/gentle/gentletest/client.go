package gentletest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Client asks queries at a steady rate, one after the other.
type Client struct {
	// Name stands in errors.
	Name string
	// PerSecond is how many queries are due in a second.
	PerSecond int
	// Ask asks the one with the number n, from 0. It is never called twice at a time.
	Ask func(ctx context.Context, n int) error

	mu    sync.Mutex
	moved *sync.Cond
	asked []query
	ended bool
}

// query is one that was asked.
type query struct {
	due  time.Time
	took time.Duration // since it was due
	err  error
}

// NewClient makes one; Run sets it going.
func NewClient(name string, perSecond int, ask func(ctx context.Context, n int) error) *Client {
	c := &Client{Name: name, PerSecond: perSecond, Ask: ask}
	c.moved = sync.NewCond(&c.mu)
	return c
}

// Run asks until the context ends. What is being asked then is asked to its end.
func (c *Client) Run(ctx context.Context) {
	begun := time.Now()
	for n := 0; ; n++ {
		due := begun.Add(time.Duration(n) * time.Second / time.Duration(c.PerSecond))
		select {
		case <-ctx.Done():
			c.mu.Lock()
			c.ended = true
			c.moved.Broadcast()
			c.mu.Unlock()
			return
		case <-time.After(time.Until(due)):
		}
		err := c.Ask(context.WithoutCancel(ctx), n)
		c.mu.Lock()
		c.asked = append(c.asked, query{due, time.Since(due), err})
		c.moved.Broadcast()
		c.mu.Unlock()
	}
}

// CaughtUp waits until everything is answered that was due before a time.
func (c *Client) CaughtUp(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.ended && (len(c.asked) == 0 || c.asked[len(c.asked)-1].due.Before(at)) {
		c.moved.Wait()
	}
}

// Waits is what clients have waited in a time.
type Waits struct {
	// Longest and P99 of all queries, 0 for none, and when the one with the longest was due.
	Longest, P99 time.Duration
	LongestAt    time.Time
	// Count is how many queries were due, Failed how many of them got an error, Err the first of these.
	Count, Failed int
	Err           error
}

// Seen gives what clients have waited for queries that were due in a time, once all of them are answered.
func Seen(from, to time.Time, clients ...*Client) Waits {
	var seen Waits
	var took []time.Duration
	for _, c := range clients {
		c.CaughtUp(to)
		c.mu.Lock()
		for _, q := range c.asked {
			if q.due.Before(from) || q.due.After(to) {
				continue
			}
			took = append(took, q.took)
			if q.took > seen.Longest {
				seen.Longest, seen.LongestAt = q.took, q.due
			}
			if q.err != nil {
				seen.Failed++
				if seen.Err == nil {
					seen.Err = fmt.Errorf("%s: %w", c.Name, q.err)
				}
			}
		}
		c.mu.Unlock()
	}
	seen.Count = len(took)
	if len(took) > 0 {
		slices.Sort(took)
		seen.P99 = took[len(took)*99/100]
	}
	return seen
}
