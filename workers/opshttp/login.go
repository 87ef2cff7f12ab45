package opshttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// login is the operators' one user: who knows its password is let in, by the form or by HTTP Basic.
type login struct {
	name     string
	user     [sha256.Size]byte
	password [sha256.Size]byte
	cookie   string // the session cookie's name
	sessions *sessions
	throttle *throttle
	attempts *prometheus.CounterVec
	log      zerolog.Logger
}

func newLogin(cfg Config) *login {
	l := &login{
		name: cfg.User, user: sha256.Sum256([]byte(cfg.User)), password: sha256.Sum256([]byte(cfg.Password)),
		sessions: newSessions(cfg.now), throttle: newThrottle(cfg.now, sessionLife), log: cfg.Log,
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tenantry_ops_logins_total",
			Help: "Logins to the operators' pages by outcome: ok, wrong, or refused unseen after too many wrong ones. " +
				"Every request with HTTP Basic is one.",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{"ok", "wrong", "refused"} {
		l.attempts.WithLabelValues(outcome)
	}
	return l
}

// nameCookie names the session cookie after the port: browsers share cookies among the ports of a host, and servers of
// several workers there would end each other's sessions.
func (l *login) nameCookie(addr net.Addr) {
	l.cookie = "tenantry_ops"
	if tcp, ok := addr.(*net.TCPAddr); ok {
		l.cookie += "_" + strconv.Itoa(tcp.Port)
	}
}

// check compares in constant time; the sums have one length whatever was sent.
func (l *login) check(user, password string) bool {
	u, p := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(u[:], l.user[:])&subtle.ConstantTimeCompare(p[:], l.password[:]) == 1
}

// try checks what a request gives as user and password. A wait means that it was not even looked at. What was typed is
// never logged: passwords are typed into the wrong field.
func (l *login) try(r *http.Request, user, password string) (ok bool, wait time.Duration) {
	ok, wait = l.throttle.try(sender(r), func() bool {
		return len(user) <= maxCredential && len(password) <= maxCredential && l.check(user, password)
	})
	switch {
	case ok:
		l.attempts.WithLabelValues("ok").Inc()
	case wait > 0:
		l.attempts.WithLabelValues("refused").Inc()
		l.log.Debug().Func(logSender(r)).Msg("ops login refused")
	default:
		l.attempts.WithLabelValues("wrong").Inc()
		l.log.Warn().Func(logSender(r)).Msg("ops login wrong")
	}
	return ok, wait
}

// session is whose session the request's cookie is.
func (l *login) session(r *http.Request) (user string, ok bool) {
	for _, cookie := range r.CookiesNamed(l.cookie) {
		if user, ok := l.sessions.user(cookie.Value); ok {
			return user, true
		}
	}
	return "", false
}

// guard lets in who has a session or sends the password; browsers are led to the form.
func (l *login) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, ok := l.session(r); ok {
			visitOf(r).user = user
			next.ServeHTTP(w, r)
			return
		}
		user, password, given := r.BasicAuth()
		if !given {
			l.askForLogin(w, r)
			return
		}
		ok, wait := l.try(r, user, password)
		switch {
		case ok:
			visitOf(r).user = l.name
			next.ServeHTTP(w, r)
		case wait > 0:
			http.Error(w, tooMany(w, wait), http.StatusTooManyRequests)
		default:
			challenge(w, r)
			http.Error(w, "user or password is wrong", http.StatusUnauthorized)
		}
	})
}

func (l *login) askForLogin(w http.ResponseWriter, r *http.Request) {
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if safe && strings.Contains(r.Header.Get("Accept"), "text/html") {
		target := "/login"
		if here := r.URL.RequestURI(); here != "/" {
			target += "?next=" + url.QueryEscape(here)
		}
		http.Redirect(w, r, target, http.StatusSeeOther)
		return
	}
	challenge(w, r)
	http.Error(w, "log in at /login, or send user and password by HTTP Basic", http.StatusUnauthorized)
}

// challenge says how to log in. Of a page's own requests a browser must not make its password dialog.
func challenge(w http.ResponseWriter, r *http.Request) {
	scheme := "Basic"
	if r.Header.Get("Sec-Fetch-Mode") != "" || r.Header.Get("Origin") != "" || r.Header.Get("Referer") != "" {
		scheme = "Session"
	}
	w.Header().Set("WWW-Authenticate", scheme+` realm="tenantry"`)
}

func tooMany(w http.ResponseWriter, wait time.Duration) string {
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return fmt.Sprintf("too many wrong passwords; try again in %d s", seconds)
}
