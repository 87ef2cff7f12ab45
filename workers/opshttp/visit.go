package opshttp

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/rs/zerolog"
)

// visit is what is known of one request. The login fills it in, the audit and the pages read it.
type visit struct {
	// user is who has logged in, "" for nobody.
	user string
}

type visitKey struct{}

// visits gives every request its visit.
func visits(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, &visit{})))
	})
}

func visitOf(r *http.Request) *visit {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// forwardedFor is the address that the nearest proxy, if there is one, says the request came from. Anybody can send
// that header: it may tell senders apart, it proves nothing.
func forwardedFor(r *http.Request) string {
	values := r.Header.Values("X-Forwarded-For")
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	return last[:min(len(last), 64)]
}

// sender is whom the throttle holds to account: an address, of IPv6 its /64, and what a proxy there says.
func sender(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().Is6() {
		if prefix, err := ip.WithZone("").Prefix(64); err == nil {
			host = prefix.String()
		}
	}
	return host + "|" + forwardedFor(r)
}

// logSender adds where a request came from to a log line.
func logSender(r *http.Request) func(*zerolog.Event) {
	return func(e *zerolog.Event) {
		e.Str("remote_addr", r.RemoteAddr)
		if via := forwardedFor(r); via != "" {
			e.Str("forwarded_for", via)
		}
	}
}
