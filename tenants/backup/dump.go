package backup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/archive"
	"github.com/avenit/tenantry/tenants/backup/pgtools"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atSnapshot = crashpoint.New("backup.snapshot.after")
	atData     = crashpoint.New("backup.data.within") // the dump has ended, its object is not closed
	atDataDone = crashpoint.New("backup.data.after")
	atContents = crashpoint.New("backup.contents.after")
	atManifest = crashpoint.New("backup.manifest.after")
)

// Dump is what to back up, and where to.
type Dump struct {
	Store *Store
	Tools pgtools.Installed
	Key   TenantKey
	Sign  SigningKey

	Target Target
	// Conn is a session of Target's, with which rows are counted in the very snapshot that is dumped. It may be nil: then what pg_dump writes is
	// added up, and not held against anything else.
	Conn *pgx.Conn
	// Locale and Settings are the database's.
	Locale   tenants.Locale
	Settings []string
	// Counters are those of before the snapshot.
	Counters tenants.Counters
	// Closed is the tenant's epoch, where its database lets nobody in and a copy is dumped; 0 where it does.
	Closed int64

	// Manifest is filled in but for what the dump tells.
	Manifest Manifest
	// Attempt is part of the objects' keys: no two attempts share one.
	Attempt int
	// Progress is told how many bytes of about how many are dumped. It may be nil.
	Progress func(done, total int64)
}

// leftOutSchemas keeps tables of a backup that are in the database for a look out of what pg_dump writes. They go away again.
const leftOutSchemas = "--exclude-schema=" + tenants.LookPrefix + "*"

// Folder is the prefix of all objects of a backup.
func Folder(tenant, backup string) string { return tenantFolder(tenant) + backup + "/" }

func tenantFolder(tenant string) string { return "tenants/" + tenant + "/" }

const manifestName = "manifest.json"

// ManifestKey is where a backup's manifest lies.
func ManifestKey(tenant, backup string) string { return Folder(tenant, backup) + manifestName }

// Made is a backup that was made.
type Made struct {
	Manifest

	// Evidence shows later that nothing has changed since; nil where an earlier attempt has made the backup, for what was counted before that is not known.
	Evidence *Evidence
}

// Run makes the backup. With its manifest it is one; until then there is none, whatever lies in the store. An earlier attempt that came that far, and
// could not tell, has made it: then its manifest is returned.
func (d Dump) Run(ctx context.Context, trusted Trusted) (Made, error) {
	tenant, backup := d.Manifest.Tenant, d.Manifest.Backup
	if m, err := d.Store.Manifest(ctx, trusted, tenant, backup); !errors.Is(err, ErrNotThere) {
		return Made{Manifest: m}, err
	}
	ours, contents, err := d.write(ctx)
	if err != nil {
		return Made{}, err
	}
	atManifest.Hit(ctx)
	// Also when it is another attempt's that was first.
	m, err := d.Store.Manifest(ctx, trusted, tenant, backup)
	if err != nil || m.Data.Key != ours.Data.Key {
		return Made{Manifest: m}, err
	}
	return Made{m, &Evidence{Counters: d.Counters, Sequences: contents.Sequences, Settings: contents.Settings, Closed: d.Closed}}, nil
}

// write writes the objects, and the manifest last.
func (d Dump) write(ctx context.Context) (Manifest, Contents, error) {
	m, c := d.Manifest, Contents{Locale: d.Locale, Settings: d.Settings}
	if err := d.Store.RefusesToReplace(ctx); err != nil {
		return m, c, err
	}
	tools, err := d.Tools.ForServer(m.Server/serverMajor, 0)
	if err != nil {
		return m, c, err
	}
	m.Format, m.Client, m.Key = ManifestFormat, tools.Version, d.Key.ID
	var s *snapshot
	if d.Conn != nil {
		if s, err = takeSnapshot(ctx, d.Conn, d.Target.Owner); err != nil {
			return m, c, err
		}
		defer s.close(ctx)
	}
	atSnapshot.Hit(ctx)
	if err := d.data(ctx, tools, s, &m, &c); err != nil {
		return m, c, err
	}
	atDataDone.Hit(ctx)
	if err := d.contents(ctx, &m, c); err != nil {
		return m, c, err
	}
	atContents.Hit(ctx)
	for _, o := range []Object{m.Data, m.Contents} {
		if err := d.Store.check(ctx, o); err != nil {
			return m, c, err
		}
	}
	raw, err := m.Sign(d.Sign)
	if err != nil {
		return m, c, err
	}
	err = d.Store.WriteSmall(ctx, ManifestKey(m.Tenant, m.Backup), true, raw)
	if err != nil && !Exists(err) {
		return m, c, err
	}
	return m, c, nil
}

// serverMajor divides server_version_num into the major version and the rest.
const serverMajor = 10_000

// data writes the dump, and reads what it holds in passing.
func (d Dump) data(ctx context.Context, tools pgtools.Tools, s *snapshot, m *Manifest, c *Contents) error {
	var toc archive.TOC
	var sums archive.Contents
	var counts map[tableName]int64
	group, ctx := errgroup.WithContext(ctx)
	args := []string{"--format=custom", "--compress=0", "--encoding=UTF8", leftOutSchemas, "--role=" + d.Target.Owner}
	if s != nil {
		args = append(args, "--snapshot="+s.id)
		group.Go(func() error {
			var err error
			counts, err = s.count(ctx)
			return err
		})
	}
	group.Go(func() error {
		object := fmt.Sprintf("%s%d.data", Folder(m.Tenant, m.Backup), d.Attempt)
		var err error
		// Bytes are written as text with two characters each.
		m.Data, err = d.Store.WriteLarge(ctx, object, 2*m.Size, func(w io.Writer) error {
			return d.Key.encrypt(w, func(w io.Writer) error {
				err := d.Target.program(ctx, tools.Dump(), args, clientOptions, nil, func(r io.Reader) error {
					passing := &passing{r: r, w: w, total: m.Size, progress: d.Progress}
					a, err := archive.Open(passing)
					if err != nil {
						return err
					}
					toc = a.TOC
					sums, err = a.Sum()
					m.Dumped = passing.n
					return err
				})
				atData.Hit(ctx)
				return err
			})
		})
		return err
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	var err error
	if c.Tables, c.Sequences, err = contentsOf(toc, sums); err != nil {
		return err
	}
	c.LargeObjects, c.Schema = sums.LargeObjects, schemaOf(toc, d.Manifest.Database)
	m.Tables, m.Rows = len(c.Tables), c.rows()
	return agree(counts, c.Tables)
}

// agree holds what was counted against what was dumped.
func agree(counts map[tableName]int64, tables []Table) error {
	dumped := make(map[tableName]int64, len(tables))
	for _, t := range tables {
		dumped[t.name()] = t.Rows
	}
	for name, n := range counts {
		got, there := dumped[name]
		switch {
		case !there:
			return fmt.Errorf("dump: table %s is not in it", name)
		case got != n:
			return fmt.Errorf("dump: it has %d rows of table %s instead of %d", got, name, n)
		}
	}
	return nil
}

func (d Dump) contents(ctx context.Context, m *Manifest, c Contents) error {
	raw, err := c.encode()
	if err != nil {
		return err
	}
	object := fmt.Sprintf("%s%d.contents", Folder(m.Tenant, m.Backup), d.Attempt)
	m.Contents, err = d.Store.Write(ctx, object, false, func(w io.Writer) error {
		return d.Key.encrypt(w, func(w io.Writer) error {
			_, err := w.Write(raw)
			return err //nolint:wrapcheck // ours
		})
	})
	return err
}

// check looks that an object is there in its size. What it holds is looked at by verifying. If it is not, the next attempt writes another one.
func (s *Store) check(ctx context.Context, o Object) error {
	n, err := s.Size(ctx, o.Key)
	if errors.Is(err, ErrNotThere) {
		return &StoreError{"check", o.Key, err}
	}
	if err != nil {
		return err
	}
	if n != o.Bytes {
		return &StoreError{"check", o.Key, fmt.Errorf("%d bytes were written and it has %d", o.Bytes, n)}
	}
	return nil
}

// passing writes to w what is read from r.
type passing struct {
	r        io.Reader
	w        io.Writer
	n        int64
	total    int64
	told     int64
	progress func(done, total int64)
}

// toldEvery is how many bytes pass between two reports of progress.
const toldEvery = 4 << 20

func (p *passing) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		if _, err := p.w.Write(b[:n]); err != nil {
			return n, err //nolint:wrapcheck // ours
		}
		p.n += int64(n)
		if p.progress != nil && p.n-p.told >= toldEvery {
			p.told = p.n
			p.progress(p.n, max(p.n, p.total))
		}
	}
	return n, err //nolint:wrapcheck // the program's
}
