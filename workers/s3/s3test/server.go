package s3test

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the server lets in. Clients read it from the environment, see [Environment].
const (
	accessKey = "tenantry-test"
	secretKey = "tenantry-test-secret"
	region    = "us-east-1"
)

// Bucket is the bucket that every server has.
const Bucket = "backups"

// Environment is what a process needs that talks to a server, as pairs of names and values.
func Environment() map[string]string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_REGION": region,
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	}
}

// Server is a real S3 server.
type Server struct {
	Address string // host and port
	Dir     string // the folder of its bucket: an object is the file of its key
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	program := os.Getenv("TENANTRY_VERSITYGW")
	require.NotEmpty(t, program, "TENANTRY_VERSITYGW names no S3 server: run make test-s3, which builds one")
	_, err := os.Stat(program)
	require.NoError(t, err, "TENANTRY_VERSITYGW names no S3 server: run make test-s3, which builds one")
	dir := t.TempDir()
	for _, folder := range []string{"data/" + Bucket, "metadata", "iam"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, folder), 0o700))
	}
	s := &Server{Address: freeAddress(t), Dir: filepath.Join(dir, "data", Bucket)}
	said, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	// Not every file system of a test machine keeps extended attributes.
	cmd := exec.CommandContext(ctx, program, "--port", s.Address, "--region", region, "--quiet", "posix", "--sidecar", filepath.Join(dir, "metadata"), filepath.Join(dir, "data"))
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = said.Close()
	})
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", s.Address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "the S3 server does not listen, see %s", said.Name())
	return s
}

// URL is the URL of a store in the bucket that is reached at an address: the server's, or a proxy's.
func URL(address string, parameters url.Values) string {
	q := url.Values{"endpoint": {"http://" + address}, "use_path_style": {"true"}, "region": {region}}
	maps.Copy(q, parameters)
	return "s3://" + Bucket + "?" + q.Encode()
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// client talks to the server itself. It keeps no connection that a fault could have an effect on later.
func client() *http.Transport {
	return &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
}
