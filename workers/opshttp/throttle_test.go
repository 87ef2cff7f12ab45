package opshttp

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is set by hand.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{at: time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time           { return c.at }
func (c *clock) advance(by time.Duration) { c.at = c.at.Add(by) }

func right() bool { return true }
func wrong() bool { return false }

func TestThrottleSlowsASender(t *testing.T) {
	t.Parallel()
	c := newClock()
	th := newThrottle(c.now, time.Hour)
	for range senderBurst {
		ok, wait := th.try("a", wrong)
		require.False(t, ok)
		require.Zero(t, wait)
	}
	ok, wait := th.try("a", func() bool { require.Fail(t, "looked at"); return true })
	require.False(t, ok)
	require.Equal(t, 2*time.Second, wait)
	ok, _ = th.try("b", right)
	require.True(t, ok, "another sender")

	c.advance(wait - time.Millisecond)
	_, wait = th.try("a", right)
	require.Positive(t, wait)
	c.advance(wait)
	ok, wait = th.try("a", right)
	require.True(t, ok)
	require.Zero(t, wait)
}

func TestThrottleSlowsTheProcess(t *testing.T) {
	t.Parallel()
	c := newClock()
	th := newThrottle(c.now, time.Hour)
	ok, _ := th.try("known", right)
	require.True(t, ok)
	looked := 0
	for i := range 10 * processBurst {
		_, _ = th.try(fmt.Sprint(i), func() bool { looked++; return false })
	}
	require.Equal(t, processBurst, looked, "many senders have no more guesses than the process allows")
	_, wait := th.try("new", right)
	require.Equal(t, time.Second, wait)
	ok, wait = th.try("known", right)
	require.True(t, ok, "strangers cannot lock out where somebody logged in before")
	require.Zero(t, wait)

	c.advance(time.Hour)
	for i := range 10 * processBurst {
		_, _ = th.try(fmt.Sprint(i), wrong)
	}
	_, wait = th.try("known", right)
	require.Positive(t, wait, "trust ends")
}

func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	th := newThrottle(c.now, time.Hour)
	ok, _ := th.try("known", right)
	require.True(t, ok)
	for i := range 2 * maxSenders {
		c.advance(time.Second)
		_, _ = th.try(fmt.Sprint(i), wrong)
	}
	require.Len(t, th.senders, maxSenders)
	require.Contains(t, th.senders, "known", "strangers are forgotten first")
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newSessions(c.now)
	token := s.begin("ada")
	other := s.begin("ada")
	require.NotEqual(t, token, other)
	user, ok := s.user(token)
	require.True(t, ok)
	require.Equal(t, "ada", user)
	s.end(other)
	_, ok = s.user(other)
	require.False(t, ok)

	c.advance(sessionLife - time.Second)
	_, ok = s.user(token)
	require.True(t, ok)
	c.advance(time.Second)
	_, ok = s.user(token)
	require.False(t, ok, "being used does not make a session longer")
	require.Empty(t, s.open)

	first := s.begin("ada")
	for range maxSessions {
		c.advance(time.Millisecond)
		s.begin("ada")
	}
	require.Len(t, s.open, maxSessions)
	_, ok = s.user(first)
	require.False(t, ok, "the oldest made room")
}
