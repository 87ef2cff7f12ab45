package opshttp

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxBody bounds the body of every request: River UI's largest names a thousand jobs.
const maxBody = 64 << 10

// maxScrapes is how many scrapes may be under way at once.
const maxScrapes = 4

// routes is every page and who may see it.
func (s *Server) routes() http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	river := s.protect(sameOrigin.Handler(s.river))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /ops.css", styleSheet)
	mux.HandleFunc("GET /favicon.ico", noIcon)
	mux.Handle("GET /metrics", s.openToThisMachine(s.metrics()))
	mux.HandleFunc("GET /login", s.loginPage)
	mux.Handle("POST /login", sameOrigin.Handler(http.HandlerFunc(s.logIn)))
	mux.Handle("POST /logout", sameOrigin.Handler(http.HandlerFunc(s.logOut)))
	mux.Handle("GET /{$}", s.protect(http.HandlerFunc(s.startPage)))
	mux.Handle(riverPrefix, s.audited(river))
	mux.Handle(riverPrefix+"/", s.audited(river))
	mux.Handle("/", s.protect(http.NotFoundHandler()))
	return visits(headers(limited(mux)))
}

// protect lets in who has logged in; without a login, who is on this machine.
func (s *Server) protect(next http.Handler) http.Handler {
	if s.login == nil {
		return s.local.only(next)
	}
	return s.login.guard(next)
}

// openToThisMachine asks only requests from elsewhere for a login.
func (s *Server) openToThisMachine(next http.Handler) http.Handler {
	protected := s.protect(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.local.made(r) {
			next.ServeHTTP(w, r)
			return
		}
		protected.ServeHTTP(w, r)
	})
}

func (s *Server) metrics() http.Handler {
	return promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{
		ErrorLog:            scrapeLog{s.cfg.Log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}

func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}
