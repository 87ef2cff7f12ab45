package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
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

// fetch brings what follows a place into the window. Where an answer breaks off, it asks again.
func (r *Random) fetch(at int64) error {
	for tries := 0; ; tries++ {
		err := r.store.ask(r.ctx, func(ctx context.Context) error { return r.fill(ctx, at) })
		if err == nil {
			return nil
		}
		failed := readError(r.key, err)
		if tries == resumes || errors.Is(failed, ErrNotThere) {
			return failed
		}
		select {
		case <-r.ctx.Done():
			return failed
		case <-time.After(resumePause << tries):
		}
	}
}

// fill asks once. An answer that is too short was broken off: the store knows its size.
func (r *Random) fill(ctx context.Context, at int64) error {
	r.window, r.begin = r.window[:0], at
	length := min(windowBytes, r.size-at)
	in, err := r.store.bucket.NewRangeReader(ctx, r.key, at, length, nil)
	if err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	defer func() { _ = in.Close() }()
	if int64(cap(r.window)) < length {
		r.window = make([]byte, 0, length)
	}
	_, err = io.ReadFull(in, r.window[:length])
	switch {
	case err == nil:
		r.window = r.window[:length]
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF // nobody shall take it for the object's end
	}
	return err
}
