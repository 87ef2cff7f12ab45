package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ManifestFormat is the version of manifests that are written. Older ones are read.
const ManifestFormat = 1

// Manifest says what a backup is. It is written last: what has none is no backup.
type Manifest struct {
	Format int    `json:"format"`
	Backup string `json:"backup"`
	Tenant string `json:"tenant"`
	Slug   string `json:"slug"` // at that time
	// Database is the name of the database that was dumped, and System its server's identity where that may be known.
	Database string `json:"database"`
	Node     string `json:"node"`
	Release  string `json:"release"`
	// At is the time of the snapshot, by the server's clock; LSN its place in the server's log.
	At     time.Time `json:"at"`
	LSN    string    `json:"lsn"`
	Server int       `json:"server_version"` // as server_version_num, such as 150018
	Client string    `json:"client_version"` // of pg_dump, such as 15.18
	// Key is the id of the tenant's key.
	Key string `json:"key"`
	// Size is how large the database was; Dumped how many bytes pg_dump wrote before they were compressed.
	Size   int64 `json:"size"`
	Dumped int64 `json:"dumped"`
	Tables int   `json:"tables"`
	Rows   int64 `json:"rows"`

	Data     Object `json:"data"`
	Contents Object `json:"contents"`
}

// SigningKey is the installation's, with which manifests and certificates are signed.
type SigningKey struct {
	ID      string
	Private ed25519.PrivateKey
}

// Trusted are the public keys of an installation, by id.
type Trusted map[string]ed25519.PublicKey

// ParseTrusted reads a public key, ID=BASE64.
func ParseTrusted(text string) (Trusted, error) {
	id, key, found := strings.Cut(text, "=")
	raw, err := base64.StdEncoding.DecodeString(key)
	if !found || err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q is no public key: give ID=BASE64, as tenantry certificate key prints it", text)
	}
	return Trusted{id: raw}, nil
}

// signed is a document and its signature, as it lies in the store.
type signed struct {
	Body      json.RawMessage `json:"body"`
	Key       string          `json:"key"`
	Signature string          `json:"signature"`
}

// sign writes a document with its signature. purpose keeps a document from being taken for one of another kind.
func (k SigningKey) sign(purpose string, document any) ([]byte, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", purpose, err)
	}
	signature := ed25519.Sign(k.Private, message(purpose, body))
	return encode(signed{Body: body, Key: k.ID, Signature: base64.StdEncoding.EncodeToString(signature)})
}

func message(purpose string, body []byte) []byte {
	return append([]byte("tenantry/"+purpose+"\n"), body...)
}

func encode(s signed) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return out.Bytes(), nil
}

// open reads a document that one of the keys has signed. Every byte must be as it was written.
func (t Trusted) open(purpose, name string, raw []byte, into any) error {
	var s signed
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return &CorruptError{name, "it is not what we write there"}
	}
	var body bytes.Buffer
	if err := json.Compact(&body, s.Body); err != nil {
		return &CorruptError{name, "it is not what we write there"}
	}
	s.Body = body.Bytes()
	key, known := t[s.Key]
	if !known {
		return &CorruptError{name, fmt.Sprintf("key %q, which has signed it, is not one of this installation", s.Key)}
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(s.Signature)
	if err != nil || !ed25519.Verify(key, message(purpose, s.Body), signature) {
		return &CorruptError{name, "its signature does not fit"}
	}
	// Spaces and the case of names are no part of what is signed.
	if again, err := encode(s); err != nil || !bytes.Equal(again, raw) {
		return &CorruptError{name, "it is not as it was written"}
	}
	if err := json.Unmarshal(s.Body, into); err != nil {
		return &CorruptError{name, "it is of a format that is not known here"}
	}
	return nil
}

const purposeManifest = "manifest"

// Sign writes a manifest.
func (m Manifest) Sign(key SigningKey) ([]byte, error) { return key.sign(purposeManifest, m) }

// OpenManifest reads a manifest and refuses one that none of the keys has signed. name says in errors which it is.
func (t Trusted) OpenManifest(name string, raw []byte) (Manifest, error) {
	var m Manifest
	if err := t.open(purposeManifest, name, raw, &m); err != nil {
		return Manifest{}, err
	}
	if m.Format != ManifestFormat {
		return Manifest{}, fmt.Errorf("%s has format %d, and this program knows up to %d: use a newer one", name, m.Format, ManifestFormat)
	}
	return m, nil
}

// Manifest reads a backup's manifest. One that is not what it should be is read a second time: then it was damaged on its way.
func (s *Store) Manifest(ctx context.Context, trusted Trusted, tenant, backup string) (Manifest, error) {
	m, err := s.manifest(ctx, trusted, tenant, backup)
	if _, corrupt := errors.AsType[*CorruptError](err); corrupt {
		m, err = s.manifest(ctx, trusted, tenant, backup)
	}
	return m, err
}

func (s *Store) manifest(ctx context.Context, trusted Trusted, tenant, backup string) (Manifest, error) {
	key := ManifestKey(tenant, backup)
	raw, err := s.ReadSmall(ctx, key)
	if err != nil {
		return Manifest{}, err
	}
	m, err := trusted.OpenManifest(key, raw)
	if err == nil && (m.Backup != backup || m.Tenant != tenant) {
		err = &CorruptError{key, fmt.Sprintf("it is that of backup %s of tenant %s", m.Backup, m.Tenant)}
	}
	return m, err
}
