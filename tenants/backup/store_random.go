package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// windowBytes is what is fetched at once of an object that is read at random. Readers of zips ask for a few kilobytes at a time, one after the other.
const windowBytes = 4 << 20

// Random reads any part of an object. It is for one goroutine.
type Random struct {
	ctx   context.Context //nolint:containedctx // io.ReaderAt takes none; it is that of the call that reads
	store *Store
	key   string
	size  int64

	window []byte
	begin  int64
}

// Random opens an object for reading any part of it, for as long as the context lasts.
func (s *Store) Random(ctx context.Context, key string) (*Random, error) {
	size, err := s.Size(ctx, key)
	if err != nil {
		return nil, err
	}
	return &Random{ctx: ctx, store: s, key: key, size: size}, nil
}

// Size is the object's.
func (r *Random) Size() int64 { return r.size }

// ReadAt is that of [io.ReaderAt].
func (r *Random) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: offset %d", r.key, off)
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		if at < r.begin || at >= r.begin+int64(len(r.window)) {
			if err := r.fetch(at); err != nil {
				return n, err
			}
		}
		n += copy(p[n:], r.window[at-r.begin:])
	}
	return n, nil
}

func (r *Random) fetch(at int64) error {
	length := min(windowBytes, r.size-at)
	in, err := r.store.bucket.NewRangeReader(r.ctx, r.key, at, length, nil)
	if err != nil {
		return readError(r.key, err)
	}
	defer func() { _ = in.Close() }()
	if int64(cap(r.window)) < length {
		r.window = make([]byte, length)
	}
	r.window, r.begin = r.window[:length], at
	if _, err := io.ReadFull(in, r.window); err != nil {
		r.window = r.window[:0]
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return &CorruptError{r.key, "it ends before its size"}
		}
		return readError(r.key, err)
	}
	return nil
}
