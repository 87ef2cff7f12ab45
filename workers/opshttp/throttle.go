package opshttp

import (
	"math"
	"sync"
	"time"
)

// Wrong passwords: a sender has five, then one every two seconds; all senders that never logged in have twenty together,
// then one a second, which is 86,400 a day however many they are.
const (
	senderBurst, senderRate   = 5, 0.5 // tokens, tokens a second
	processBurst, processRate = 20, 1
	// maxSenders bounds how many senders are remembered; the one not seen for the longest is forgotten first.
	maxSenders = 1024
)

// throttle slows guessing. It waits for nobody: who is out of tokens is refused at once, before the password is looked
// at. A sender from which somebody has logged in is beyond the process's bucket, so that strangers cannot lock it out.
type throttle struct {
	now   func() time.Time
	trust time.Duration // how long a sender is trusted after a login

	mu      sync.Mutex
	process bucket
	senders map[string]*senderState
}

type senderState struct {
	bucket
	seen    time.Time
	trusted time.Time // until when
}

func newThrottle(now func() time.Time, trust time.Duration) *throttle {
	return &throttle{
		now: now, trust: trust, senders: map[string]*senderState{},
		process: bucket{burst: processBurst, rate: processRate, tokens: processBurst, at: now()},
	}
}

// try runs the check if the sender has a token left, which a failed one uses up. Otherwise it says how long to stay away.
// The check runs under the lock: all attempts at once count as one after the other.
func (t *throttle) try(sender string, check func() bool) (ok bool, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	s := t.sender(sender, now)
	stranger := !now.Before(s.trusted)
	wait = s.wait(now)
	if stranger {
		wait = max(wait, t.process.wait(now))
	}
	if wait > 0 {
		return false, wait
	}
	if check() {
		// The tokens stay: a script that logs in all the time must not buy guesses for who shares its address.
		s.trusted = now.Add(t.trust)
		return true, 0
	}
	s.tokens--
	if stranger {
		t.process.tokens--
	}
	return false, 0
}

func (t *throttle) sender(name string, now time.Time) *senderState {
	s := t.senders[name]
	if s == nil {
		if len(t.senders) >= maxSenders {
			t.forget()
		}
		s = &senderState{bucket: bucket{burst: senderBurst, rate: senderRate, tokens: senderBurst, at: now}}
		t.senders[name] = s
	}
	s.seen = now
	return s
}

// forget drops the sender that was not seen for the longest, a trusted one only if all are.
func (t *throttle) forget() {
	var oldest string
	var found *senderState
	for name, s := range t.senders {
		if found == nil || s.before(found) {
			oldest, found = name, s
		}
	}
	delete(t.senders, oldest)
}

func (s *senderState) before(other *senderState) bool {
	if s.trusted.IsZero() != other.trusted.IsZero() {
		return s.trusted.IsZero()
	}
	return s.seen.Before(other.seen)
}

// bucket is a token bucket.
type bucket struct {
	burst, rate float64 // tokens, tokens a second
	tokens      float64
	at          time.Time
}

// wait fills the bucket up and says in how long it has a token; 0 is now.
func (b *bucket) wait(now time.Time) time.Duration {
	b.tokens = min(b.burst, b.tokens+b.rate*max(0, now.Sub(b.at).Seconds()))
	b.at = now
	if b.tokens >= 1 {
		return 0
	}
	return time.Duration(math.Ceil((1 - b.tokens) / b.rate * float64(time.Second)))
}
