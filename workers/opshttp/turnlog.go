package opshttp

import (
	"sync"

	"github.com/rs/zerolog"
)

// turnLog tells when something turns bad or good again, once each: probes and scrapes come every few seconds.
type turnLog struct {
	log       zerolog.Logger
	good, bad string // messages

	mu    sync.Mutex
	isBad bool
}

// note takes the present state; err and reason, which may be empty, are told when it has turned bad.
func (t *turnLog) note(good bool, err error, reason string) {
	t.mu.Lock()
	turned := t.isBad == good
	t.isBad = !good
	t.mu.Unlock()
	switch {
	case !turned:
	case good:
		t.log.Info().Msg(t.good)
	default:
		line := t.log.Warn().Err(err)
		if reason != "" {
			line = line.Str("reason", reason)
		}
		line.Msg(t.bad)
	}
}
