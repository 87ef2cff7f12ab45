package export

import (
	"fmt"
	"time"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
)

// ManifestFormat is the version of exports that are written, and the newest that is read.
const ManifestFormat = 1

// Formats of rows.
const (
	CSV     = "csv"
	NDJSON  = "ndjson"
	Parquet = "parquet" // for data tools: it is not imported
)

// Kind is what a file of an export is.
type Kind string

// The kinds of files.
const (
	Readme       Kind = "readme"
	Script       Kind = "script"    // load.sql
	PreData      Kind = "pre-data"  // what must be there before the rows
	PostData     Kind = "post-data" // what comes after them
	Rows         Kind = "rows"
	Sequences    Kind = "sequences"
	LargeObjects Kind = "large-objects" // which there are
	LargeObject  Kind = "large-object"  // what one holds
	Forms        Kind = "forms"
	Rights       Kind = "rights"
)

// Manifest says what an export is and what is in it. In the zip it is signed, {"body": …, "key": …, "signature": …}.
type Manifest struct {
	Format  int    `json:"format"`
	Export  string `json:"export"`
	Tenant  string `json:"tenant"`
	Slug    string `json:"slug"` // at that time
	Release string `json:"release"`
	// At is the time of the snapshot, by the server's clock.
	At     time.Time `json:"at"`
	Server int       `json:"server_version"` // as server_version_num, such as 150018
	Client string    `json:"client_version"` // of pg_dump, such as 15.18
	// RowFormat is csv, ndjson or parquet.
	RowFormat string         `json:"row_format"`
	Locale    tenants.Locale `json:"locale"`
	// Public is what becomes of the schema public, which every new database has: "" for as it is, own where it is the owner's, none where it was dropped.
	Public string `json:"public,omitempty"`
	// Files are all but the manifest, in their order.
	Files []File `json:"files"`
}

// File is a file of an export.
type File struct {
	Path string `json:"path"`
	Kind Kind   `json:"kind"`
	// Schema and Table are the names of the table that rows are of, Columns those of its columns.
	Schema  string   `json:"schema,omitempty"`
	Table   string   `json:"table,omitempty"`
	Columns []string `json:"columns,omitempty"`
	Rows    int64    `json:"rows,omitempty"`
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`

	holds []column // what the columns are, as the database has it
}

// name is the name of the table that a file has rows of, as SQL has it.
func (f File) name() string { return tenants.Ident(f.Schema) + "." + tenants.Ident(f.Table) }

// internal is the folder of what only an import needs.
const internal = "internal/"

// Internal reports whether only an import needs the file.
func (f File) Internal() bool {
	return len(f.Path) > len(internal) && f.Path[:len(internal)] == internal
}

// Totals are how many tables, rows and bytes an export has.
func (m Manifest) Totals() (tables int, rows, bytes int64) {
	for _, f := range m.Files {
		if f.Kind == Rows && !f.Internal() {
			tables++
			rows += f.Rows
		}
		bytes += f.Bytes
	}
	return tables, rows, bytes
}

const (
	manifestName    = "manifest.json"
	purposeManifest = "export-manifest"
)

// Sign writes a manifest.
func (m Manifest) Sign(key backup.SigningKey) ([]byte, error) {
	return key.SignDocument(purposeManifest, m)
}

// openManifest reads a manifest and refuses one that none of the keys has signed.
func openManifest(trusted backup.Trusted, raw []byte) (Manifest, error) {
	var m Manifest
	if err := trusted.OpenDocument(purposeManifest, manifestName, raw, &m); err != nil {
		return m, err
	}
	if m.Format != ManifestFormat {
		return m, fmt.Errorf("%s has format %d, and this program knows up to %d: use a newer one", manifestName, m.Format, ManifestFormat)
	}
	return m, nil
}
