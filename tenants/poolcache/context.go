package poolcache

import "context"

type contextKey int

const (
	patienceKey contextKey = iota // context.Context: the caller's, while pgxpool dials on its behalf
	reserveKey                    // present: WithReserve
	attemptKey                    // *attempt: being connected under this context
	purgeKey                      // present: only dead connections are of interest
)

// WithReserve returns a context under which dials may use Config.NodeReserve.
func WithReserve(ctx context.Context) context.Context {
	return context.WithValue(ctx, reserveKey, true)
}

func usesReserve(ctx context.Context) bool { return ctx.Value(reserveKey) != nil }

// withPatience marks ctx as the one for which a caller is waiting. pgxpool lets a connection be made in the background
// when its caller has gone; the values of the caller's context are what reaches the dial. Who waits in a queue for a
// caller that has gone is in the way of others.
func withPatience(ctx, patience context.Context) context.Context {
	return context.WithValue(ctx, patienceKey, patience)
}

func hasPatience(ctx context.Context) bool { return ctx.Value(patienceKey) != nil }

func patienceOf(ctx context.Context) context.Context {
	if patience, ok := ctx.Value(patienceKey).(context.Context); ok {
		return patience
	}
	return ctx
}

func withAttempt(ctx context.Context, a *attempt) context.Context {
	return context.WithValue(ctx, attemptKey, a)
}

func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey).(*attempt)
	return a
}

func withPurge(ctx context.Context) context.Context { return context.WithValue(ctx, purgeKey, true) }

func isPurge(ctx context.Context) bool { return ctx.Value(purgeKey) != nil }
