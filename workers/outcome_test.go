package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/tenants/provision"
)

// nobodyListens is what pgx says of an address where nothing answers.
func nobodyListens(t *testing.T) error {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = pgx.Connect(t.Context(), fmt.Sprintf("postgres://u@%s/d?sslmode=disable", l.Addr()))
	require.Error(t, err)
	return err
}

// nobodyAnswers is what pgx says of a black hole.
func nobodyAnswers(t *testing.T) error {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://u@%s/d?sslmode=disable", l.Addr()))
	require.NoError(t, err)
	config.ConnectTimeout = 20 * time.Millisecond
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.Error(t, err)
	return err
}

func state(code string) error { return &pgconn.PgError{Code: code, Message: "says " + code} }

// Every row of fate's table, for a kind that fails cleanly and for one that does not.
func TestFate(t *testing.T) {
	t.Parallel()
	fresh, last := started{Attempt: 1, MaxAttempts: 5}, started{Attempt: 5, Failures: 4, MaxAttempts: 5}
	cancelled := fmt.Errorf("step: %w", context.Canceled)
	cases := []struct {
		name       string
		err, cause error
		op         started
		dirty      outcome // of a kind that can be half done
		clean      outcome // of one that fails cleanly
	}{
		{"none", nil, nil, fresh, outcomeSucceeded, outcomeSucceeded},
		{"none, as the worker stops", nil, errStopping, fresh, outcomeSucceeded, outcomeSucceeded},
		{"none, when it was cancelled too late", nil, rivertype.ErrJobCancelledRemotely, fresh, outcomeSucceeded, outcomeSucceeded},
		{"superseded", fmt.Errorf("node n1: %w", provision.ErrSuperseded), nil, fresh, outcomeNone, outcomeNone},
		{"superseded, as the lease is lost", provision.ErrSuperseded, errLeaseLost, fresh, outcomeNone, outcomeNone},
		{"superseded and cancelled", provision.ErrSuperseded, rivertype.ErrJobCancelledRemotely, fresh, outcomeNone, outcomeNone},
		{"the worker stops", cancelled, errStopping, fresh, outcomeHandover, outcomeHandover},
		{"the worker stops at the last attempt", cancelled, errStopping, last, outcomeHandover, outcomeHandover},
		{"the worker stops and a program was killed for it", errors.New("signal: killed"), errStopping, fresh, outcomeHandover, outcomeHandover},
		{"the lease is lost", cancelled, errLeaseLost, fresh, outcomeHandover, outcomeHandover},
		{"cancelled", cancelled, rivertype.ErrJobCancelledRemotely, fresh, outcomeHandover, outcomeCancelled},
		{"cancelled at the last attempt", cancelled, rivertype.ErrJobCancelledRemotely, last, outcomeHandover, outcomeCancelled},
		{"cancelled, seen at a step", fmt.Errorf("step: %w", errCancelAsked), nil, fresh, outcomeHandover, outcomeCancelled},
		{"cancelled as the worker stops", errCancelAsked, errStopping, fresh, outcomeHandover, outcomeCancelled},
		{"refusal", refuse("no", "why"), nil, fresh, outcomeFailed, outcomeFailed},
		{"refusal, wrapped", fmt.Errorf("record: %w", refuse("no", "why")), nil, fresh, outcomeFailed, outcomeFailed},
		{"nobody listens", nobodyListens(t), nil, fresh, outcomeWait, outcomeWait},
		{"nobody listens, for the hundredth time", fmt.Errorf("node n1: connect: %w", nobodyListens(t)), nil, started{Attempt: 100, Failures: 4, MaxAttempts: 5}, outcomeWait, outcomeWait},
		{"nobody answers", nobodyAnswers(t), nil, fresh, outcomeWait, outcomeWait},
		{"the server starts up", state("57P03"), nil, last, outcomeWait, outcomeWait},
		{"the server has no connection left", state("53300"), nil, last, outcomeWait, outcomeWait},
		{"an administrator is in the database", fmt.Errorf("drop database: %w: postgres", provision.ErrAdministrator), nil, last, outcomeWait, outcomeWait},
		{"the node's breaker is open", &poolcache.OpenError{Tenant: "t", Err: &poolcache.NodeDownError{Node: "n1"}}, nil, last, outcomeWait, outcomeWait},
		{"the node's budget is used up", &poolcache.BudgetError{Node: "n1"}, nil, last, outcomeWait, outcomeWait},
		{"a node is lost, in the middle of a swap", &swapBegunError{fmt.Errorf("node n1: %w", tenants.ErrNodeLost)}, nil, fresh, outcomeRetry, outcomeRetry},
		{"a change of forms is half undone", fmt.Errorf("take the change back: %w", &execute.UnfinishedError{Err: state("23514"), Undoing: true}), nil, fresh, outcomeRetry, outcomeRetry},
		{"a change of forms is half undone, for the last time", &execute.UnfinishedError{Err: state("23514"), Undoing: true}, nil, last, outcomeParked, outcomeParked},
		{"deadlock", state("40P01"), nil, fresh, outcomeRetry, outcomeRetry},
		{"serialization", fmt.Errorf("x: %w", state("40001")), nil, fresh, outcomeRetry, outcomeRetry},
		{"session ended by an administrator", state("57P01"), nil, fresh, outcomeRetry, outcomeRetry},
		{"connection lost", io.ErrUnexpectedEOF, nil, fresh, outcomeRetry, outcomeRetry},
		{"connection failure by SQLSTATE", state("08006"), nil, fresh, outcomeRetry, outcomeRetry},
		{"disk full", state("53100"), nil, fresh, outcomeRetry, outcomeRetry},
		{"lock not to be had", state("55P03"), nil, fresh, outcomeRetry, outcomeRetry},
		{"held by another migrator", &gentle.LockedError{}, nil, fresh, outcomeRetry, outcomeRetry},
		{"timeout of the job", errors.New("whatever came of it"), context.DeadlineExceeded, fresh, outcomeRetry, outcomeRetry},
		{"timeout of a query", fmt.Errorf("record step: %w", context.DeadlineExceeded), nil, fresh, outcomeRetry, outcomeRetry},
		{"transient, last attempt", state("40P01"), nil, last, outcomeParked, outcomeParked},
		{"timeout, last attempt", context.DeadlineExceeded, context.DeadlineExceeded, last, outcomeParked, outcomeParked},
		{"syntax error", state("42601"), nil, fresh, outcomeParked, outcomeFailed},
		{"no rights", fmt.Errorf("roles: create roles: %w", state("42501")), nil, fresh, outcomeParked, outcomeFailed},
		{"wrong password", state("28P01"), nil, fresh, outcomeParked, outcomeFailed},
		{"statement timeout", state("57014"), nil, fresh, outcomeParked, outcomeFailed},
		{"violated constraint", state("23505"), nil, last, outcomeParked, outcomeFailed},
		{"unknown error", errors.New("boom"), nil, fresh, outcomeParked, outcomeFailed},
		{"panic", errors.New("panic: boom"), nil, fresh, outcomeParked, outcomeFailed},
	}
	for _, c := range cases {
		for failsCleanly, want := range map[bool]outcome{false: c.dirty, true: c.clean} {
			out, delay := fate(c.err, c.cause, c.op, Handler{FailsCleanly: failsCleanly})
			require.Equal(t, want, out, "%s (fails cleanly: %t)", c.name, failsCleanly)
			again := out == outcomeRetry || out == outcomeWait
			require.Equal(t, again, delay > 0, "%s: delay %s", c.name, delay)
			require.LessOrEqual(t, delay, time.Minute, c.name)
		}
	}
}

func TestBackoffGrowsToItsLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{2 * time.Second, 30 * time.Second, time.Minute} {
		for n := -1; n < 100; n++ {
			full := min(limit, 250*time.Millisecond<<min(max(n, 1), 12))
			for range 20 {
				d := backoff(n, limit)
				require.GreaterOrEqual(t, d, full/2)
				require.LessOrEqual(t, d, full)
			}
		}
	}
}

func TestProblemsAreNamed(t *testing.T) {
	t.Parallel()
	for code, err := range map[string]error{
		"refused": fmt.Errorf("record: %w", refuse("no", "hint")), "42501": fmt.Errorf("x: %w", state("42501")), "unreachable": nobodyListens(t), "error": errors.New("boom"),
	} {
		p := problemOf(err, "step")
		require.Equal(t, code, p.Code)
		require.Equal(t, "step", p.Step)
		require.Equal(t, err.Error(), p.Message)
	}
	require.Equal(t, "hint", problemOf(refuse("no", "hint"), "").Hint)
	p := problemOf(&pgconn.PgError{Code: "22021", Message: "a\x00b\xff", Hint: "c\x00d"}, "")
	require.True(t, utf8.ValidString(p.Message+p.Hint))
	require.NotContains(t, p.Message+p.Hint, "\x00")
}

// Whatever bytes an error holds, what is left of it can be stored, and is the text where the text could be.
func TestClean(t *testing.T) {
	t.Parallel()
	storable := func(raw []byte) bool {
		text := clean(string(raw))
		return utf8.ValidString(text) && !strings.Contains(text, "\x00") && len(text) <= 4000 && clean(text) == text
	}
	require.NoError(t, quick.Check(storable, &quick.Config{MaxCount: 2000}))
	same := func(text string) bool {
		text = strings.ReplaceAll(text, "\x00", "")
		return len(text) > 4000 || !utf8.ValidString(text) || clean(text) == text
	}
	require.NoError(t, quick.Check(same, &quick.Config{MaxCount: 2000}))
	for n := 3990; n < 4010; n++ {
		for _, s := range []string{"x", "é", "日", "🦄", "\xff", "\x00", "\xe6\x97"} {
			long := strings.Repeat("a", n) + strings.Repeat(s, 20)
			require.True(t, storable([]byte(long)), "%d %q", n, s)
			require.True(t, strings.HasPrefix(clean(long), strings.Repeat("a", 3990)))
		}
	}
	require.Equal(t, "ab", clean("a\x00b"))
	require.Equal(t, "a\ufffdb", clean("a\xffb"))
}

// Only escaped NULs go: a backslash before u0000 that is itself escaped is text.
func TestCleanJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`: `{}`, `"\u0000"`: `""`, `"a\u0000b"`: `"ab"`, `"\\u0000"`: `"\\u0000"`, `"\\\u0000"`: `"\\"`, `"\\\\u0000"`: `"\\\\u0000"`, `"\\\\\u0000"`: `"\\\\"`,
		`"\u00000"`: `"0"`, `"\"\u0000\""`: `"\"\""`, `{"\u0000k":"\u0000"}`: `{"k":""}`, `"\u0001"`: `"\u0001"`, `"\u0000\u0000"`: `""`, `"\n\u0000"`: `"\n"`, ``: ``,
	} {
		require.Equal(t, want, string(cleanJSON([]byte(in))), in)
	}
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"\x00", `\`, `"`, "u0000", `\u0000`, "é", "🦄", "\n", "a", "\x01", "\u2028", "<"}
	text := func() string {
		var s strings.Builder
		for range random.IntN(12) {
			s.WriteString(pieces[random.IntN(len(pieces))])
		}
		return s.String()
	}
	without := func(s string) string { return strings.ReplaceAll(s, "\x00", "") }
	for range 5000 {
		k, v, w := text(), text(), text()
		in, err := json.Marshal(map[string]any{"k" + k: v, "list": []string{w, v}})
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal(cleanJSON(in), &got), "%s", in)
		require.Equal(t, map[string]any{"k" + without(k): without(v), "list": []any{without(w), without(v)}}, got, "%s", in)
	}
}
