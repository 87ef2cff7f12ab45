package tenants

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Keyring seals secrets with AES-256-GCM. The first key seals, every key opens, so a new key is put in front and old
// ones are dropped once everything is sealed anew. The zero value has no keys and fails.
type Keyring struct {
	keys []sealingKey
}

type sealingKey struct {
	id   string // first 8 hex digits of the key's SHA-256: says which key opens, tells nothing of it
	aead cipher.AEAD
}

// ErrNoKey says that what was sealed needs a key that the keyring does not have.
var ErrNoKey = errors.New("no key in TENANTRY_SECRET_KEY opens it")

// NewKey makes a random key in the form that ParseKeys reads.
func NewKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// ParseKeys reads one or more keys, separated by commas, the newest first: 32 bytes each, in base64 or hex.
func ParseKeys(text string) (*Keyring, error) {
	ring := &Keyring{}
	for i, part := range strings.Split(text, ",") {
		raw, err := decodeKey(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("TENANTRY_SECRET_KEY: key %d: %w", i+1, err)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, fmt.Errorf("TENANTRY_SECRET_KEY: key %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("TENANTRY_SECRET_KEY: key %d: %w", i+1, err)
		}
		sum := sha256.Sum256(raw)
		ring.keys = append(ring.keys, sealingKey{id: hex.EncodeToString(sum[:4]), aead: aead})
	}
	return ring, nil
}

func decodeKey(text string) ([]byte, error) {
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == 32 {
		return raw, nil
	}
	if raw, err := base64.StdEncoding.DecodeString(text); err == nil && len(raw) == 32 {
		return raw, nil
	}
	return nil, errors.New("not 32 bytes in base64 or hex; make one with: tenantry key new")
}

// Seal encrypts a secret for one purpose, such as "credential/db_…/app": it opens for the same purpose only, so a sealed
// value that is copied to another row is refused.
func (k *Keyring) Seal(purpose, secret string) (string, error) {
	if k == nil || len(k.keys) == 0 {
		return "", errors.New("no secret key: set TENANTRY_SECRET_KEY (make one with: tenantry key new)")
	}
	key := k.keys[0]
	nonce := make([]byte, key.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	sealed := key.aead.Seal(nonce, nonce, []byte(secret), []byte(purpose))
	return "v1." + key.id + "." + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal made for the same purpose.
func (k *Keyring) Open(purpose, sealed string) (string, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != "v1" {
		return "", fmt.Errorf("open %s: not a sealed value", purpose)
	}
	raw, err := base64.RawStdEncoding.DecodeString(parts[2])
	if err != nil {
		return "", fmt.Errorf("open %s: not a sealed value", purpose)
	}
	if k != nil {
		for _, key := range k.keys {
			if key.id != parts[1] || len(raw) < key.aead.NonceSize() {
				continue
			}
			n := key.aead.NonceSize()
			secret, err := key.aead.Open(nil, raw[:n], raw[n:], []byte(purpose))
			if err != nil {
				return "", fmt.Errorf("open %s: it was changed, or sealed for something else", purpose)
			}
			return string(secret), nil
		}
	}
	return "", fmt.Errorf("open %s (sealed with key %s): %w", purpose, parts[1], ErrNoKey)
}

// SealedWithNewest says whether a sealed value uses the key that seals today.
func (k *Keyring) SealedWithNewest(sealed string) bool {
	return k != nil && len(k.keys) > 0 && strings.HasPrefix(sealed, "v1."+k.keys[0].id+".")
}
