package opshttp

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// sessionLife is how long a login holds, used or not.
	sessionLife = 12 * time.Hour
	// maxSessions bounds how many there are; the one that ends first makes room.
	maxSessions = 1000
)

// sessions are kept in this process, so that logging out ends one for good. The map holds hashes: a token cannot be
// read out of it, and looking one up takes no longer the more of it is right.
type sessions struct {
	now func() time.Time

	mu   sync.Mutex
	open map[[sha256.Size]byte]session
}

type session struct {
	user  string
	until time.Time
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, open: map[[sha256.Size]byte]session{}}
}

// begin makes a session and returns its token.
func (s *sessions) begin(user string) string {
	token := rand.Text() + rand.Text() // 52 characters, 260 random bits
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxSessions {
		s.makeRoom()
	}
	s.open[sha256.Sum256([]byte(token))] = session{user: user, until: s.now().Add(sessionLife)}
	return token
}

func (s *sessions) makeRoom() {
	var first [sha256.Size]byte
	var until time.Time
	for key, open := range s.open {
		if until.IsZero() || open.until.Before(until) {
			first, until = key, open.until
		}
	}
	delete(s.open, first)
}

// user is whose session the token is; false when there is none, or it is over.
func (s *sessions) user(token string) (string, bool) {
	key := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.open[key]
	if !ok {
		return "", false
	}
	if !s.now().Before(found.until) {
		delete(s.open, key)
		return "", false
	}
	return found.user, true
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(token)))
}
