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
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // the store that needs nothing; cmd adds the clouds'
	"gocloud.dev/gcerrors"
)

// Store is where backups are kept: a bucket, or a part of one.
type Store struct {
	bucket *blob.Bucket
	url    string
	dir    string // of a file store, "" for others

	patience   time.Duration
	sweepAfter time.Duration
	place      Place
	abort      Aborter     // nil where uploads leave nothing
	refuses    atomic.Bool // it was seen to refuse to replace an object
	signing    atomic.Bool // it was seen to have the keys that sign
}

const (
	// partSize is what is sent at once of what is not large. S3 takes 10,000 parts of an object: 50 GB.
	partSize = 5 << 20
	// partsAtOnce bounds memory: with one part that fills, 24 MiB.
	partsAtOnce = 2
	// sumSize is the part of an object that has a checksum of its own.
	sumSize = 64 << 20
)

const s3Validation = "response_checksum_validation"

// DefaultURL is where backups are kept when nothing else is said: a folder of the worker's machine. Workers on several machines need a store that all of
// them reach.
const DefaultURL = "file:///var/lib/tenantry/backups"

// OpenStore opens a store by its URL, as gocloud.dev/blob writes them: file:///var/lib/tenantry/backups, s3://bucket?region=eu-central-1&prefix=fleet/,
// gs://bucket, azblob://container. The folder of a file store is made.
//
// Two parameters are our own: patience=5m is [DefaultPatience], and sweep_after=24h how old what nobody knows must be before a sweep removes it. An upload
// that is under way must never be that old.
func OpenStore(ctx context.Context, address string) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("backup store: %q is no URL: give one such as file:///var/lib/tenantry/backups or s3://bucket?region=eu-central-1", redacted(address))
	}
	s := &Store{url: redacted(address)}
	if err := s.parameters(u); err != nil {
		return nil, fmt.Errorf("backup store %s: %w", s.url, err)
	}
	if u.Scheme == "file" {
		if u.Host != "" && u.Host != "." && u.Host != "localhost" {
			return nil, fmt.Errorf("backup store: %q has the host %q: write three slashes, file:///%s%s", s.url, u.Host, u.Host, u.Path)
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
	if q := u.Query(); u.Scheme == "s3" && !q.Has(s3Validation) {
		// Checksums of ours are looked at. Its client says with every object that was sent in parts that it does not look at its own.
		q.Set(s3Validation, "when_required")
		u.RawQuery = q.Encode()
	}
	if s.bucket, err = blob.OpenBucket(ctx, u.String()); err != nil {
		return nil, fmt.Errorf("backup store %s: %w", s.url, err)
	}
	s.place = Place{Bucket: s.bucket, Name: u.Host, Prefix: u.Query().Get("prefix")}
	s.abort = aborters[u.Scheme]
	return s, nil
}

// parameters takes our own parameters out of a store's URL.
func (s *Store) parameters(u *url.URL) error {
	s.patience, s.sweepAfter = DefaultPatience, defaultSweepAfter
	q := u.Query()
	for key, value := range map[string]*time.Duration{"patience": &s.patience, "sweep_after": &s.sweepAfter} {
		if !q.Has(key) {
			continue
		}
		d, err := time.ParseDuration(q.Get(key))
		if err != nil || d < 0 {
			return fmt.Errorf("%s=%q: give a time such as 5m", key, q.Get(key))
		}
		*value = d
		q.Del(key)
	}
	u.RawQuery = q.Encode()
	return nil
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

// ErrCannotRefuse says that a store replaces an object even where it is asked not to.
var ErrCannotRefuse = errors.New("it replaces an object that is there although If-None-Match forbids it: an attempt that comes late could replace a newer one's " +
	"manifest; use a store that knows conditional writes")

// Transient reports whether the same may work later: all that the store says but that something is not there, or not possible.
func (e *StoreError) Transient() bool {
	if errors.Is(e.Err, ErrCannotRefuse) {
		return false
	}
	if e.code() == codeNotFound {
		return true
	}
	lasting := []gcerrors.ErrorCode{gcerrors.NotFound, gcerrors.InvalidArgument, gcerrors.FailedPrecondition, gcerrors.Unimplemented}
	return !slices.Contains(lasting, gcerrors.Code(e.Err))
}

// Codes of S3's errors. It calls an object that is not there NoSuchKey; NotFound is what its client makes of an answer without a word of S3.
const (
	codeNoBucket       = "NoSuchBucket"
	codeNotFound       = "NotFound"
	codeNotImplemented = "NotImplemented"
	codeNoRange        = "InvalidRange"
)

// code is what S3 calls the error, "" where it is not of S3.
func (e *StoreError) code() string {
	if s3, is := errors.AsType[interface {
		error
		ErrorCode() string
	}](e.Err); is {
		return s3.ErrorCode()
	}
	return ""
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
	return s.write(ctx, key, &blob.WriterOptions{BufferSize: partSize, IfNotExist: once}, fill)
}

// WriteLarge is [Store.Write] of what may be as large as most, in bytes: parts are so large that there are not too many of them.
func (s *Store) WriteLarge(ctx context.Context, key string, most int64, fill func(io.Writer) error) (Object, error) {
	return s.write(ctx, key, &blob.WriterOptions{BufferSize: partSizeOf(most)}, fill)
}

// mostParts is how many parts S3 takes of an object, less some for what is larger than it was thought to be.
const mostParts = 9000

func partSizeOf(most int64) int {
	const step = 1 << 20
	return max(partSize, int((most/mostParts+step)/step*step))
}

func (s *Store) write(ctx context.Context, key string, opts *blob.WriterOptions, fill func(io.Writer) error) (Object, error) {
	o, err := s.tryWrite(ctx, key, opts, fill)
	if err != nil {
		s.abandon(ctx, key)
	}
	return o, err
}

func (s *Store) tryWrite(ctx context.Context, key string, opts *blob.WriterOptions, fill func(io.Writer) error) (Object, error) {
	// Closing a writer publishes what it has got. Only cancelling its context takes that back.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, p := s.patient(ctx)
	defer p.end()
	opts.MaxConcurrency, opts.ContentType, opts.DisableContentTypeDetection = partsAtOnce, "application/octet-stream", true
	w, err := s.bucket.NewWriter(ctx, key, opts)
	if err != nil {
		return Object{}, &StoreError{"write", key, err}
	}
	sums := newSums()
	out := &storeWriter{ctx: ctx, w: w, key: key, p: p}
	if err := fill(io.MultiWriter(sums, out)); err != nil {
		cancel()
		_ = w.Close()
		if out.failed != nil {
			return Object{}, out.failed
		}
		return Object{}, err
	}
	p.wait()
	if err := w.Close(); err != nil {
		return Object{}, &StoreError{"write", key, p.why(ctx, err)}
	}
	p.rest()
	if err := s.sync(key); err != nil {
		return Object{}, &StoreError{"write", key, err}
	}
	return sums.object(key), nil
}

// storeWriter tells the store's errors from others.
type storeWriter struct {
	ctx    context.Context
	w      io.Writer
	key    string
	p      *patience
	failed error
}

func (w *storeWriter) Write(b []byte) (int, error) {
	w.p.wait()
	n, err := w.w.Write(b)
	w.p.rest()
	if err != nil {
		w.failed = &StoreError{"write", w.key, w.p.why(w.ctx, err)}
		return n, w.failed
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

// mostSmall is how large an object may be that is read whole.
const mostSmall = 1 << 20

// ReadSmall reads an object whole, such as a manifest.
func (s *Store) ReadSmall(ctx context.Context, key string) ([]byte, error) {
	r := s.reader(ctx, key, unknownSize)
	defer r.close()
	raw, err := io.ReadAll(io.LimitReader(r, mostSmall+1))
	if err != nil {
		return nil, err //nolint:wrapcheck // ours
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

// RefusesToReplace looks, once, whether the store refuses to replace an object that may be written only once. That a manifest is never replaced depends on it.
func (s *Store) RefusesToReplace(ctx context.Context) error {
	if s.Local() || s.refuses.Load() {
		return nil
	}
	const key, body = "installation/once", "Whoever writes this a second time must be refused.\n"
	for range 2 { // the first may be the one that makes it
		err := s.WriteSmall(ctx, key, true, []byte(body))
		if e, is := errors.AsType[*StoreError](err); is && e.code() == codeNotImplemented {
			return &StoreError{"write", key, ErrCannotRefuse}
		}
		if Exists(err) {
			s.refuses.Store(true)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return &StoreError{"write", key, ErrCannotRefuse}
}

// Size gives an object's size. That it is not there is not to be relied on: a request for the head of an object has no answer that tells whether it was the
// store that said so.
func (s *Store) Size(ctx context.Context, key string) (int64, error) {
	var size int64
	err := s.ask(ctx, func(ctx context.Context) error {
		a, err := s.bucket.Attributes(ctx, key)
		if err == nil {
			size = a.Size
		}
		return err //nolint:wrapcheck // wrapped below
	})
	if gcerrors.Code(err) == gcerrors.NotFound {
		return 0, fmt.Errorf("%s: %w", key, ErrNotThere)
	}
	if err != nil {
		return 0, &StoreError{"read", key, err}
	}
	return size, nil
}

// Delete removes an object. One that is not there is gone, see [Store.Size].
func (s *Store) Delete(ctx context.Context, key string) error {
	err := s.ask(ctx, func(ctx context.Context) error { return s.bucket.Delete(ctx, key) })
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return &StoreError{"delete", key, err}
	}
	return nil
}

// List calls visit with each object's key below a prefix, in order.
func (s *Store) List(ctx context.Context, prefix string, visit func(key string, info *blob.ListObject) error) error {
	return s.list(ctx, &blob.ListOptions{Prefix: prefix}, func(o *blob.ListObject) error { return visit(o.Key, o) })
}

// folders lists what follows a prefix up to the next slash, with that.
func (s *Store) folders(ctx context.Context, prefix string) ([]string, error) {
	var list []string
	err := s.list(ctx, &blob.ListOptions{Prefix: prefix, Delimiter: "/"}, func(o *blob.ListObject) error {
		if o.IsDir {
			list = append(list, strings.TrimSuffix(strings.TrimPrefix(o.Key, prefix), "/"))
		}
		return nil
	})
	return list, err
}

func (s *Store) list(ctx context.Context, opts *blob.ListOptions, visit func(*blob.ListObject) error) error {
	it := s.bucket.List(opts)
	for {
		var o *blob.ListObject
		err := s.ask(ctx, func(ctx context.Context) error {
			var err error
			o, err = it.Next(ctx)
			return err //nolint:wrapcheck // wrapped below
		})
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && !strings.HasPrefix(o.Key, opts.Prefix) {
			err = fmt.Errorf("it lists %q", o.Key)
		}
		if err != nil {
			return &StoreError{"list", opts.Prefix, err}
		}
		if err := visit(o); err != nil {
			return err
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
