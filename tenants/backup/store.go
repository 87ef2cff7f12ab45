package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // the store that needs nothing; cmd adds the clouds'
	"gocloud.dev/gcerrors"
)

// Store is where backups are kept: a bucket, or a part of one.
type Store struct {
	bucket *blob.Bucket
	url    string
	dir    string // of a file store, "" for others
}

const (
	// partSize is what is sent at once. S3 takes 10,000 parts of an object: 160 GB.
	partSize = 16 << 20
	// partsAtOnce bounds memory: with one part that fills, 48 MiB.
	partsAtOnce = 2
	// sumSize is the part of an object that has a checksum of its own.
	sumSize = 64 << 20
)

// DefaultURL is where backups are kept when nothing else is said: a folder of the worker's machine. Workers on several machines need a store that all of
// them reach.
const DefaultURL = "file:///var/lib/tenantry/backups"

// OpenStore opens a store by its URL, as gocloud.dev/blob writes them: file:///var/lib/tenantry/backups, s3://bucket?region=eu-central-1&prefix=fleet/,
// gs://bucket, azblob://container. The folder of a file store is made.
func OpenStore(ctx context.Context, address string) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("backup store: %q is no URL: give one such as file:///var/lib/tenantry/backups or s3://bucket?region=eu-central-1", redacted(address))
	}
	s := &Store{}
	if u.Scheme == "file" {
		if u.Host != "" && u.Host != "." && u.Host != "localhost" {
			return nil, fmt.Errorf("backup store: %q has the host %q: write three slashes, file:///%s%s", address, u.Host, u.Host, u.Path)
		}
		q := u.Query()
		for key, value := range map[string]string{"create_dir": "true", "metadata": "skip", "no_tmp_dir": "true"} {
			if !q.Has(key) {
				q.Set(key, value)
			}
		}
		u.RawQuery = q.Encode()
		s.dir = filepath.Join(u.Path, filepath.FromSlash(q.Get("prefix")))
	}
	if s.bucket, err = blob.OpenBucket(ctx, u.String()); err != nil {
		return nil, fmt.Errorf("backup store %s: %w", redacted(address), err)
	}
	s.url = redacted(address)
	return s, nil
}

// redacted is a store's URL without what may be a secret: a login, and parameters.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// URL says where the store is, without login and parameters.
func (s *Store) URL() string { return s.url }

// Local reports whether the store is a folder of this machine.
func (s *Store) Local() bool { return s.dir != "" }

// Close ends its use.
func (s *Store) Close() error {
	if err := s.bucket.Close(); err != nil {
		return fmt.Errorf("close backup store: %w", err)
	}
	return nil
}

// Object is an object as it was written.
type Object struct {
	Key    string `json:"key"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Parts are the SHA-256 of each 64 MiB of it, for telling where it is damaged.
	Parts []string `json:"parts"`
}

// StoreError is an error of the object store.
type StoreError struct {
	Doing, Key string
	Err        error
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("backup store: %s %s: %v", e.Doing, e.Key, e.Err)
}

func (e *StoreError) Unwrap() error { return e.Err }

// Transient reports whether the same may work later: all that the store says but that something is not there, or not possible.
func (e *StoreError) Transient() bool {
	lasting := []gcerrors.ErrorCode{gcerrors.NotFound, gcerrors.InvalidArgument, gcerrors.FailedPrecondition, gcerrors.Unimplemented}
	return !slices.Contains(lasting, gcerrors.Code(e.Err))
}

// ErrNotThere says that an object is not in the store.
var ErrNotThere = errors.New("it is not in the store")

// CorruptError says that an object is not what it was when it was written.
type CorruptError struct {
	Key, Why string
}

func (e *CorruptError) Error() string { return fmt.Sprintf("%s is damaged: %s", e.Key, e.Why) }

// Write makes an object of what fill writes. Unless all of that has succeeded there is no object. It replaces one that is there, unless once is given: then
// an object that is there makes it fail, with an error that [Exists] knows.
func (s *Store) Write(ctx context.Context, key string, once bool, fill func(io.Writer) error) (Object, error) {
	// Closing a writer publishes what it has got. Only cancelling its context takes that back.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		BufferSize: partSize, MaxConcurrency: partsAtOnce, ContentType: "application/octet-stream", DisableContentTypeDetection: true, IfNotExist: once,
	})
	if err != nil {
		return Object{}, &StoreError{"write", key, err}
	}
	sums := newSums()
	if err := fill(io.MultiWriter(sums, &storeWriter{w, key})); err != nil {
		cancel()
		_ = w.Close()
		return Object{}, err
	}
	if err := w.Close(); err != nil {
		return Object{}, &StoreError{"write", key, err}
	}
	if err := s.sync(key); err != nil {
		return Object{}, &StoreError{"write", key, err}
	}
	return sums.object(key), nil
}

// storeWriter tells the store's errors from others.
type storeWriter struct {
	w   io.Writer
	key string
}

func (w *storeWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		return n, &StoreError{"write", w.key, err}
	}
	return n, nil
}

// Exists reports whether an error of [Store.Write] says that the object is there already.
func Exists(err error) bool { return gcerrors.Code(err) == gcerrors.FailedPrecondition }

// sync brings a file store's object to the disk: gocloud.dev does not, and a backup that a power failure takes back was none.
func (s *Store) sync(key string) error {
	if s.dir == "" {
		return nil
	}
	path := filepath.Join(s.dir, filepath.FromSlash(key))
	for _, p := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(p) //nolint:gosec // G304: the path is ours
		if err != nil {
			return err //nolint:wrapcheck // the caller does
		}
		err = f.Sync()
		_ = f.Close()
		if err != nil {
			return err //nolint:wrapcheck // the caller does
		}
	}
	return nil
}

// Read gives an object's bytes to use, and looks that it is what it was when it was written. An error of use is returned as it is, unless the object is
// damaged: then that is why.
func (s *Store) Read(ctx context.Context, o Object, use func(io.Reader) error) error {
	r, err := s.bucket.NewReader(ctx, o.Key, nil)
	if err != nil {
		return s.readError(o.Key, err)
	}
	defer func() { _ = r.Close() }()
	sums := newSums()
	sums.want = o.Parts
	in := &storeReader{r: io.TeeReader(r, sums), store: s, key: o.Key}
	useErr := use(in)
	// Also after an error: the rest says whether the object is why.
	_, err = io.Copy(io.Discard, in)
	switch got := sums.object(o.Key); {
	case err != nil && in.failed == nil, ctx.Err() != nil:
		return errors.Join(useErr, err)
	case in.failed != nil:
		return in.failed
	case sums.bad > 0:
		return &CorruptError{o.Key, fmt.Sprintf("the checksum of part %d of %d is another one", sums.bad, len(o.Parts))}
	case got.Bytes != o.Bytes:
		return &CorruptError{o.Key, fmt.Sprintf("it has %d bytes instead of %d", got.Bytes, o.Bytes)}
	case got.SHA256 != o.SHA256:
		return &CorruptError{o.Key, "its checksum is another one"}
	}
	return useErr
}

func (s *Store) readError(key string, err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%s: %w", key, ErrNotThere)
	}
	return &StoreError{"read", key, err}
}

// storeReader tells the store's errors from others.
type storeReader struct {
	r      io.Reader
	store  *Store
	key    string
	failed error
}

func (r *storeReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = r.store.readError(r.key, err)
		return n, r.failed
	}
	return n, err //nolint:wrapcheck // the end
}

// mostSmall is how large an object may be that is read whole.
const mostSmall = 1 << 20

// ReadSmall reads an object whole, such as a manifest.
func (s *Store) ReadSmall(ctx context.Context, key string) ([]byte, error) {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, s.readError(key, err)
	}
	defer func() { _ = r.Close() }()
	raw, err := io.ReadAll(io.LimitReader(r, mostSmall+1))
	if err != nil {
		return nil, s.readError(key, err)
	}
	if len(raw) > mostSmall {
		return nil, &CorruptError{key, "it is larger than what we write there"}
	}
	return raw, nil
}

// WriteSmall writes an object whole.
func (s *Store) WriteSmall(ctx context.Context, key string, once bool, body []byte) error {
	_, err := s.Write(ctx, key, once, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(body))
		return err //nolint:wrapcheck // ours
	})
	return err
}

// Size gives an object's size.
func (s *Store) Size(ctx context.Context, key string) (int64, error) {
	a, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return 0, s.readError(key, err)
	}
	return a.Size, nil
}

// Delete removes an object. One that is not there is gone.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return &StoreError{"delete", key, err}
	}
	return nil
}

// List calls visit with each object's key below a prefix, in order.
func (s *Store) List(ctx context.Context, prefix string, visit func(key string, info *blob.ListObject) error) error {
	it := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &StoreError{"list", prefix, err}
		}
		if err := visit(o.Key, o); err != nil {
			return err
		}
	}
}

// folders lists what follows a prefix up to the next slash, with that.
func (s *Store) folders(ctx context.Context, prefix string) ([]string, error) {
	var list []string
	it := s.bucket.List(&blob.ListOptions{Prefix: prefix, Delimiter: "/"})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, &StoreError{"list", prefix, err}
		}
		if o.IsDir {
			list = append(list, strings.TrimSuffix(strings.TrimPrefix(o.Key, prefix), "/"))
		}
	}
}

// sums adds up an object that passes by.
type sums struct {
	whole, part hash.Hash
	n           int64
	parts       []string

	want []string // what the parts should be
	bad  int      // the first that is not, from 1
}

func newSums() *sums { return &sums{whole: sha256.New(), part: sha256.New()} }

func (s *sums) Write(p []byte) (int, error) {
	_, _ = s.whole.Write(p) // never fails
	for rest := p; len(rest) > 0; {
		room := sumSize - s.n%sumSize
		now := rest[:min(room, int64(len(rest)))]
		_, _ = s.part.Write(now) // never fails
		s.n += int64(len(now))
		if s.n%sumSize == 0 {
			s.endPart()
		}
		rest = rest[len(now):]
	}
	return len(p), nil
}

func (s *sums) endPart() {
	sum := hex.EncodeToString(s.part.Sum(nil))
	s.part.Reset()
	s.parts = append(s.parts, sum)
	if i := len(s.parts); s.bad == 0 && i <= len(s.want) && s.want[i-1] != sum {
		s.bad = i
	}
}

// object is what has passed. It ends the last part.
func (s *sums) object(key string) Object {
	if s.n%sumSize != 0 {
		s.endPart()
	}
	return Object{Key: key, Bytes: s.n, SHA256: hex.EncodeToString(s.whole.Sum(nil)), Parts: s.parts}
}
