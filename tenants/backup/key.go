package backup

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// TenantKey is what a tenant's backups are encrypted to. Whoever destroys it, in the control database and in the store, makes them unreadable wherever
// they are.
type TenantKey struct {
	ID       string
	identity *age.X25519Identity
}

// NewTenantKey makes a key.
func NewTenantKey() (secret, recipient string, err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("make a tenant's key: %w", err)
	}
	return identity.String(), identity.Recipient().String(), nil
}

// ParseTenantKey reads the secret of [NewTenantKey].
func ParseTenantKey(id, secret string) (TenantKey, error) {
	identity, err := age.ParseX25519Identity(secret)
	if err != nil {
		return TenantKey{}, fmt.Errorf("read key %s: it is no age identity", id) // the cause may quote it
	}
	return TenantKey{ID: id, identity: identity}, nil
}

// Windows are what compression remembers, and most of its memory. The fastest level gains nothing from more than 2 MiB; earlier backups have up to 8 MiB.
const (
	windowSize     = 2 << 20
	mostWindowSize = 8 << 20
)

// encrypt compresses what fill writes and encrypts it to the key.
func (k TenantKey) encrypt(w io.Writer, fill func(io.Writer) error) error {
	sealed, err := age.Encrypt(w, k.identity.Recipient())
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	packed, err := encoder()
	if err != nil {
		return err
	}
	packed.Reset(sealed)
	if err := fill(packed); err != nil {
		packed.Reset(nil) // ends its helpers without writing an end
		_ = packed.Close()
		return err
	}
	// Inside out: each writes its end into the next.
	if err := packed.Close(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	if err := sealed.Close(); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	encoders.Put(packed)
	return nil
}

// encoders are kept from one object to the next: what one remembers is most of a backup's memory, and two objects of a backup would have it twice until it is collected.
var encoders sync.Pool

func encoder() (*zstd.Encoder, error) {
	if e, is := encoders.Get().(*zstd.Encoder); is {
		return e, nil
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowSize),
		zstd.WithAllLitEntropyCompression(true)) // or what nothing repeats in stays as it is: binary values, which are written with two characters a byte
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return e, nil
}

// ErrOtherKey says that something was encrypted to another key.
var ErrOtherKey = errors.New("it is encrypted to another key")

// decrypt is the way back of encrypt. use reads to the end, or what was cut off at the end is not noticed.
func (k TenantKey) decrypt(r io.Reader, use func(io.Reader) error) error {
	opened, err := age.Decrypt(r, k.identity)
	if _, is := errors.AsType[*age.NoIdentityMatchError](err); is {
		return ErrOtherKey
	}
	if err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	unpacked, err := zstd.NewReader(opened, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxWindow(mostWindowSize))
	if err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	defer unpacked.Close()
	return use(unpacked)
}
