package poolcache

import (
	"context"
	"fmt"
	"sync"
)

// secret is how an entry's connections get their password.
type secret struct {
	read func(ctx context.Context, refused string) (string, error) // nil: it is in the connection string

	mu      sync.Mutex
	last    string // presented last
	refused string // refused last, "" since one was accepted
	refusal error  // the server's words
}

// password returns the password to present. When the one that was refused is still the one to present, it returns the
// refusal instead: presenting it again gains nothing and may lock the user out.
func (s *secret) password(ctx context.Context) (string, error) {
	s.mu.Lock()
	refused, refusal := s.refused, s.refusal
	s.mu.Unlock()

	password, err := s.read(ctx, refused)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	if refusal != nil && password == refused {
		// Forget it, so that the next connection tries: the server's side may be changed instead.
		s.mu.Lock()
		s.refused, s.refusal = "", nil
		s.mu.Unlock()
		return "", fmt.Errorf("password is still the refused one: %w", refusal)
	}
	s.mu.Lock()
	s.last = password
	s.mu.Unlock()
	return password, nil
}

// judged is told what became of a connection. It reports whether the entry is of no use any more: the password was
// refused and there is no way to read another.
func (s *secret) judged(err error) bool {
	refused := err != nil && isRefusedPassword(err)
	if s.read == nil {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.refused, s.refusal = "", nil
	case refused:
		s.refused, s.refusal = s.last, err
	}
	return false
}
