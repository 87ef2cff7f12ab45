package main

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// quickIterations are those of the superuser's password in throwaway clusters. The default, 4096, costs a program with the race detector ten milliseconds at every login, and
// tests log in by the thousand.
const quickIterations = 16

// quickLogin gives a cluster's superuser the same password again, so that it is as much a secret and quicker to show.
func quickLogin(ctx context.Context, superuser string) error {
	u, err := url.Parse(superuser)
	if err != nil {
		return fmt.Errorf("read URL: %w", err)
	}
	password, _ := u.User.Password()
	verifier, err := quickVerifier(password)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, superuser)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is at stake on this connection
	if _, err := conn.Exec(ctx, "ALTER ROLE CURRENT_USER PASSWORD '"+verifier+"'"); err != nil {
		return fmt.Errorf("set the superuser's password: %w", err)
	}
	return nil
}

// quickVerifier is what PostgreSQL keeps of a password (RFC 5802, RFC 7677).
func quickVerifier(password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, quickIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive SCRAM verifier: %w", err)
	}
	key := func(name string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(name))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(key("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", quickIterations, b64(salt), b64(stored[:]), b64(key("Server Key"))), nil
}
