package tenants

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// NewPassword makes a password of 192 random bits in 32 characters that need no quoting in a URL.
func NewPassword() string {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// scramIterations is PostgreSQL's own default.
const scramIterations = 4096

// Verifier computes what PostgreSQL stores for a password (RFC 5802, RFC 7677; the form is that of
// pg_authid.rolpassword), so that the password itself is in no statement that a server may log.
func Verifier(password string) (string, error) { return VerifierWith(password, scramIterations) }

// VerifierWith is [Verifier] with so many iterations, at least 1. Fewer make logins cheaper and guessing too: for servers that are thrown away.
func VerifierWith(password string, iterations int) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive SCRAM verifier: %w", err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key"))), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
