package jobs

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// linger is how long the connection is kept when nobody watches any more: who asks for one operation after the other would pay for a new
// connection each time.
const linger = 10 * time.Second

// changes says which changes of an operation a watcher wants to hear of.
type changes int

const (
	everyChange changes = iota
	lastChange          // that it has ended or is parked: whoever waits for that need not read it in between
)

// hub shares one LISTEN connection among all watchers of a client. It holds the connection only while somebody watches, or has just done so.
type hub struct {
	pool *pgxpool.Pool

	mu       sync.Mutex
	watchers map[string]map[chan struct{}]bool // true: is woken only when the operation has ended or is parked
	stop     context.CancelFunc                // of the running listener, nil without one
	idle     *time.Timer                       // stops it, nil while somebody watches
}

func newHub(pool *pgxpool.Pool) *hub {
	return &hub{pool: pool, watchers: map[string]map[chan struct{}]bool{}}
}

// subscribe returns a channel that is signalled when the operation may have changed, and its end.
func (h *hub) subscribe(id string, want changes) (<-chan struct{}, func()) {
	woken := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers[id] == nil {
		h.watchers[id] = map[chan struct{}]bool{}
	}
	h.watchers[id][woken] = want == lastChange
	if h.idle != nil {
		h.idle.Stop()
		h.idle = nil
	}
	if h.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		h.stop = cancel
		go h.listen(ctx)
	}
	return woken, func() { h.unsubscribe(id, woken) }
}

func (h *hub) unsubscribe(id string, woken chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers[id], woken)
	if len(h.watchers[id]) == 0 {
		delete(h.watchers, id)
	}
	if len(h.watchers) == 0 && h.stop != nil {
		h.idle = time.AfterFunc(linger, func() { h.stopIdle() })
	}
}

// stopIdle ends the listener if nobody watches, and reports whether it has.
func (h *hub) stopIdle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) > 0 {
		return false
	}
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
	return true
}

// listen keeps the connection. Between connections nothing is heard; watchers poll, and are woken once on reconnect.
func (h *hub) listen(ctx context.Context) {
	for ctx.Err() == nil {
		h.listenOnce(ctx)
		if ctx.Err() != nil || h.stopIdle() {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (h *hub) listenOnce(ctx context.Context) {
	conn, err := h.pool.Acquire(ctx)
	if err != nil {
		return
	}
	// The session listens, so it must not go back to the pool for others.
	raw := conn.Hijack()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = raw.Close(ctx)
	}()
	if _, err := raw.Exec(ctx, `LISTEN tenantry_operations`); err != nil {
		return
	}
	h.wakeAll()
	for {
		n, err := raw.WaitForNotification(ctx)
		if err != nil {
			return
		}
		var change struct {
			ID    string `json:"id"`
			State State  `json:"state"`
		}
		if json.Unmarshal([]byte(n.Payload), &change) == nil {
			h.wake(change.ID, change.State)
		}
	}
}

func (h *hub) wake(id string, state State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for woken, last := range h.watchers[id] {
		if !last || state.rests() {
			signal(woken)
		}
	}
}

func (h *hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, watchers := range h.watchers {
		for woken := range watchers {
			signal(woken)
		}
	}
}

func signal(woken chan struct{}) {
	select {
	case woken <- struct{}{}:
	default:
	}
}
