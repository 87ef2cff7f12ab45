package opshttp

import (
	"net/http"
	"strings"
)

// What the pages may load. River UI is one page with its own scripts and styles; its scripts add style elements, and its
// style sheet holds images as data.
const (
	ownPolicy   = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	riverPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

// headers sets what tells browsers to be careful.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: with that, browsers send forms with "Origin: null", which is a cross-origin request.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		inRiver, ok := strings.CutPrefix(r.URL.Path, riverPrefix+"/")
		if ok {
			h.Set("Content-Security-Policy", riverPolicy)
		} else {
			h.Set("Content-Security-Policy", ownPolicy)
		}
		next.ServeHTTP(&cacheWriter{ResponseWriter: w, asset: ok && strings.HasPrefix(inRiver, "assets/")}, r)
	})
}

// cacheWriter says how long an answer may be kept, in the moment it is sent: Go's file server, by which River UI finds
// out that a path is no file and its page is to be sent, drops Cache-Control on the way.
type cacheWriter struct {
	http.ResponseWriter
	// asset: the path is that of River UI's files with a hash in their names.
	asset bool
	sent  bool
}

func (w *cacheWriter) WriteHeader(status int) {
	if h := w.Header(); !w.sent && h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
		// For a file that does not exist River UI sends its page.
		if w.asset && status == http.StatusOK && !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			h.Set("Cache-Control", "private, max-age=86400")
		}
	}
	w.sent = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *cacheWriter) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p) //nolint:wrapcheck // a writer's error is its contract
}

// Unwrap is for http.ResponseController.
func (w *cacheWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
