package opshttp

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// auditMessage is the message of every audit line.
const auditMessage = "ops change"

// maxAuditIDs bounds the job ids of one line; River UI refuses requests with more.
const maxAuditIDs = 1000

// audited writes a line for every request that could change something, after it was answered, whatever the answer:
// also one that was refused. It holds ids and no other content of the request.
func (s *Server) audited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		begun := time.Now()
		rec := &statusWriter{ResponseWriter: w}
		body := &copied{ReadCloser: r.Body}
		r.Body = body
		defer func() {
			ids := jobIDs(r.URL.Path, body.seen.Bytes())
			s.cfg.Log.Info().
				Str("user", visitOf(r).user).Str("method", r.Method).Str("path", shortened(r.URL.Path)).
				Int("status", rec.final()).Ints64("river_job_ids", ids).
				Int64("duration_ms", time.Since(begun).Milliseconds()).Func(logSender(r)).
				Msg(auditMessage)
		}()
		next.ServeHTTP(rec, r)
		rec.returned = true
	})
}

// copied keeps what River UI reads of a body. The body is limited, and so is the copy.
type copied struct {
	io.ReadCloser
	seen bytes.Buffer
}

func (c *copied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.seen.Write(p[:n])
	return n, err //nolint:wrapcheck // a reader's error is its contract
}

// statusWriter remembers how a request was answered.
type statusWriter struct {
	http.ResponseWriter
	status   int
	returned bool // the handler did not panic
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) final() int {
	switch {
	case w.status != 0:
		return w.status
	case w.returned:
		return http.StatusOK
	default:
		return http.StatusInternalServerError
	}
}

// jobIDs are River's ids that a request names: in its path, and as strings or numbers in its body.
func jobIDs(path string, body []byte) []int64 {
	var ids []int64
	if _, rest, ok := strings.Cut(path, "/api/jobs/"); ok {
		first, _, _ := strings.Cut(rest, "/")
		if id, err := strconv.ParseInt(first, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	var named struct {
		IDs []json.RawMessage `json:"ids"`
	}
	if json.Unmarshal(body, &named) != nil {
		return ids
	}
	for _, raw := range named.IDs[:min(len(named.IDs), maxAuditIDs)] {
		if id, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func shortened(path string) string { return path[:min(len(path), 300)] }
