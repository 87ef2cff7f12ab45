package backup

import "time"

// Certificate says that a tenant was deleted for good: what, where, when, by whom, and what was looked at afterwards. It is signed with the installation's key.
type Certificate struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Tenant string `json:"tenant"`
	Slug   string `json:"slug"`
	Name   string `json:"name"`
	// Operation deleted it, and RequestedBy asked for that.
	Operation   string    `json:"operation"`
	RequestedBy string    `json:"requested_by"`
	At          time.Time `json:"at"`

	Databases []ErasedDatabase `json:"databases"`
	// Store is where its backups were, "" for a tenant that never had one.
	Store   string         `json:"store,omitempty"`
	Backups []ErasedBackup `json:"backups"`
	Keys    []ErasedKey    `json:"keys"`
	// Checks are what was looked at, after all of it.
	Checks []Check `json:"checks"`
}

// ErasedDatabase is a database that was dropped.
type ErasedDatabase struct {
	Name   string   `json:"name"`
	Node   string   `json:"node"`
	Region string   `json:"region,omitempty"`
	Roles  []string `json:"roles"`
}

// ErasedBackup is a backup whose objects were deleted.
type ErasedBackup struct {
	ID    string     `json:"id"`
	Taken *time.Time `json:"taken,omitempty"`
	Bytes int64      `json:"bytes"`
}

// ErasedKey is a key that was destroyed: what was encrypted to it is unreadable, also where a copy of it was kept.
type ErasedKey struct {
	ID        string `json:"id"`
	Recipient string `json:"recipient"` // its public half, by which the key of an object can be told
}

// Check is one look.
type Check struct {
	Looked string `json:"looked"` // at what
	Found  string `json:"found"`
}

const (
	purposeCertificate = "certificate"
	// CertificateFormat is the version of certificates that are written.
	CertificateFormat = 1
)

// Sign writes a certificate.
func (c Certificate) Sign(key SigningKey) ([]byte, error) {
	c.Format = CertificateFormat
	return key.sign(purposeCertificate, c)
}

// OpenCertificate reads a certificate and refuses one that none of the keys has signed. name says in errors which it is.
func (t Trusted) OpenCertificate(name string, raw []byte) (Certificate, error) {
	var c Certificate
	err := t.open(purposeCertificate, name, raw, &c)
	return c, err
}
