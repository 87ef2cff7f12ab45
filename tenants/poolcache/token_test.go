package poolcache

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClosingASocketTwiceGivesOneTokenBack(t *testing.T) {
	t.Parallel()
	c := newTestCache(t, Config{})
	n := c.node("n")
	token, err := n.take(context.Background(), nil)
	require.NoError(t, err)
	other, err := n.take(context.Background(), nil)
	require.NoError(t, err)
	near, far := net.Pipe()
	s := newSocket(near, token)
	require.NoError(t, s.SetDeadline(time.Now().Add(time.Minute)))
	require.NoError(t, s.SetReadDeadline(time.Time{}))
	require.NoError(t, s.SetWriteDeadline(time.Time{}))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.NoError(t, far.Close())
	require.NoError(t, c.crew.wait(context.Background()))
	require.Equal(t, 2, n.stat().Open, "the attempt to connect holds it still")
	token.drop()
	require.Equal(t, 1, n.stat().Open)

	_, err = s.Read(nil)
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = s.Write(nil)
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, s.SetDeadline(time.Time{}), net.ErrClosed)
	require.ErrorIs(t, s.SetReadDeadline(time.Time{}), net.ErrClosed)
	require.ErrorIs(t, s.SetWriteDeadline(time.Time{}), net.ErrClosed)
	other.drop()
	require.Zero(t, n.stat().Open)
}

// TestTokensAreNeitherLostNorMultiplied has many dials take tokens, give up waiting for them, and give them back.
func TestTokensAreNeitherLostNorMultiplied(t *testing.T) {
	t.Parallel()
	const budget = 5
	c := newTestCache(t, Config{NodeBudget: budget, NodeReserve: 2})
	n := c.node("n")
	var wg sync.WaitGroup
	var held, heldByOthers atomic.Int64
	for worker := range 32 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 0))
			admin := worker%8 == 0
			for range 200 {
				ctx, cancel := context.WithTimeout(context.Background(), rand.N(200*time.Microsecond))
				if admin {
					ctx = WithReserve(ctx)
				}
				token, err := n.take(ctx, nil)
				if err == nil {
					if held.Add(1) > budget {
						t.Error("over the budget")
					}
					if !admin && heldByOthers.Add(1) > budget-2 {
						t.Error("into the reserve")
					}
					if random.IntN(2) == 0 {
						<-ctx.Done()
					}
					if !admin {
						heldByOthers.Add(-1)
					}
					held.Add(-1)
					token.drop()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	st := n.stat()
	require.Zero(t, st.Open)
	require.Zero(t, st.Waiting)
	require.Positive(t, st.Waits)
	require.Zero(t, n.admin)
	require.Zero(t, n.reclaiming)
}
