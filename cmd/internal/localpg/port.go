package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
)

// Ports are picked from a range that systems do not hand out to outgoing connections (Linux: from 32768), or one of those
// could hold ours at the next start.
const (
	firstPort = 20000
	lastPort  = 29999
)

const loopback = "127.0.0.1"

// errPortTaken means that somebody else listens on the port.
var errPortTaken = errors.New("port is taken")

// choosePort returns the port to try: the configured one, else the remembered one, else a new one.
func choosePort(ctx context.Context, cfg Config, p place, log zerolog.Logger) (int, error) {
	if cfg.Port != 0 {
		if !portFree(ctx, cfg.Port) {
			return 0, fmt.Errorf("listen on port %d: %w", cfg.Port, errPortTaken)
		}
		return cfg.Port, nil
	}
	remembered, err := readPort(p)
	if err != nil {
		return 0, err
	}
	if remembered != 0 && portFree(ctx, remembered) {
		return remembered, nil
	}
	port, err := pickPort(ctx)
	if err == nil && remembered != 0 {
		log.Warn().Int("port", remembered).Int("new_port", port).Msg("the remembered port is taken; the server moves")
	}
	return port, err
}

// pickPort finds a port that is free now. Another program can still be faster, so whoever uses it must be ready to pick again.
func pickPort(ctx context.Context) (int, error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if portFree(ctx, port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("pick a port between %d and %d: %w", firstPort, lastPort, errPortTaken)
}

func portFree(ctx context.Context, port int) bool {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// readPort returns 0 when no port is remembered or the file makes no sense.
func readPort(p place) (int, error) {
	raw, err := os.ReadFile(p.portFile())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read port: %w", err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || port < 1 || port > 65535 {
		return 0, nil //nolint:nilerr // a new port will be written over it
	}
	return port, nil
}

func rememberPort(p place, port int) error {
	return writeFile(p.portFile(), []byte(strconv.Itoa(port)+"\n"), 0o644)
}
