package opshttp

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

type loginForm struct {
	Next    string
	Message string
}

// loginPage shows the form.
func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) {
	next := localPath(r.URL.Query().Get("next"))
	if s.login != nil {
		if _, in := s.login.session(r); !in {
			s.render(w, http.StatusOK, "login.html", loginForm{Next: next})
			return
		}
	}
	http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // localPath lets no other server through
}

// logIn takes the form.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request) {
	if s.login == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the form cannot be read", status)
		return
	}
	next := localPath(r.PostForm.Get("next"))
	ok, wait := s.login.try(r, r.PostForm.Get("user"), r.PostForm.Get("password"))
	switch {
	case ok:
		s.login.enter(w, r)
		http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // localPath lets no other server through
	case wait > 0:
		message := tooMany(w, wait)
		s.render(w, http.StatusTooManyRequests, "login.html", loginForm{Next: next, Message: message})
	default:
		w.Header().Set("WWW-Authenticate", `Session realm="tenantry"`)
		s.render(w, http.StatusUnauthorized, "login.html", loginForm{Next: next, Message: "user or password is wrong"})
	}
}

// enter begins a session; the one that the browser had ends.
func (l *login) enter(w http.ResponseWriter, r *http.Request) {
	l.leave(r)
	http.SetCookie(w, l.sessionCookie(r, l.sessions.begin(l.name), int(sessionLife.Seconds())))
	l.log.Info().Func(logSender(r)).Str("user", l.name).Msg("ops login")
}

func (l *login) leave(r *http.Request) {
	for _, cookie := range r.CookiesNamed(l.cookie) {
		l.sessions.end(cookie.Value)
	}
}

// logOut ends the session, here and in the browser.
func (s *Server) logOut(w http.ResponseWriter, r *http.Request) {
	if s.login == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	user, in := s.login.session(r)
	s.login.leave(r)
	if in {
		s.login.log.Info().Func(logSender(r)).Str("user", user).Msg("ops logout")
	}
	http.SetCookie(w, s.login.sessionCookie(r, "", -1))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// sessionCookie is Lax and not Strict: links to these pages come from alerts and chats, and what changes something is no
// GET and protected by its origin.
func (l *login) sessionCookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure where there is TLS; without, a Secure cookie would not come back
		Name: l.cookie, Value: value, MaxAge: maxAge, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: overTLS(r),
	}
}

// overTLS also believes a proxy: who lies about it only makes a cookie that he cannot send.
func overTLS(r *http.Request) bool {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return r.TLS != nil || strings.EqualFold(strings.TrimSpace(proto), "https")
}

// localPath is the path to go to after the login: one of this server, else "/".
func localPath(next string) string {
	const home = "/"
	u, err := url.Parse(next)
	switch {
	case err != nil, len(next) > 2000, u.Scheme != "", u.Host != "", u.Opaque != "",
		!strings.HasPrefix(next, "/"), strings.HasPrefix(next, "//"), strings.Contains(next, `\`),
		strings.HasPrefix(u.Path, "//"), u.Path == "/login", u.Path == "/logout":
		return home
	}
	return next
}
