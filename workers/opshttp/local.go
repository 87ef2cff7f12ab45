package opshttp

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// localRule tells requests that a program on this machine made to this machine. Listening on loopback is not enough:
// a web page can let its own name point to 127.0.0.1 (DNS rebinding), and a proxy on this machine brings strangers.
type localRule struct {
	// listener: it listens on loopback.
	listener bool
}

// made says whether the request was made on and to this machine.
func (l localRule) made(r *http.Request) bool {
	if !l.listener || !isLoopback(r.Host) {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return true
}

// only refuses every other request.
func (l localRule) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.made(r) {
			http.Error(w, "there is no login, so only requests to localhost are answered; "+
				"set TENANTRY_OPS_USER and TENANTRY_OPS_PASSWORD", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback says whether the Host header names loopback, with or without a port.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}
