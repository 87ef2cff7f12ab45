package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Read gives an object's bytes to use, and looks that it is what it was when it was written. An error of use is returned as it is, unless the object is
// damaged: then that is why. Before an object is said to be damaged it is read a second time.
func (s *Store) Read(ctx context.Context, o Object, use func(io.Reader) error) error {
	err := s.read(ctx, o, use)
	if _, corrupt := errors.AsType[*CorruptError](err); !corrupt || ctx.Err() != nil {
		return err
	}
	again := s.read(ctx, o, func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err //nolint:wrapcheck // ours
	})
	if again == nil {
		return &StoreError{"read", o.Key, fmt.Errorf("damaged on its way (%v); what is stored is as it was written", err)} //nolint:errorlint // it is no damaged object
	}
	return again
}

func (s *Store) read(ctx context.Context, o Object, use func(io.Reader) error) error {
	in := s.reader(ctx, o.Key, o.Bytes)
	defer in.close()
	sums := newSums()
	sums.want = o.Parts
	passing := io.TeeReader(in, sums)
	useErr := use(passing)
	// Also after an error: the rest says whether the object is why.
	_, _ = io.Copy(io.Discard, passing)
	switch got := sums.object(o.Key); {
	case ctx.Err() != nil:
		return errors.Join(useErr, ctx.Err())
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

func readError(key string, err error) error {
	e := &StoreError{"read", key, err}
	// A bucket that is not there says nothing of what is in it, and a load balancer says NotFound of everything when it has lost the store.
	if gcerrors.Code(err) == gcerrors.NotFound && e.code() != codeNoBucket && e.code() != codeNotFound {
		return fmt.Errorf("%s: %w", key, ErrNotThere)
	}
	return e
}

const (
	unknownSize = -1
	// resumes is how often reading goes on where it broke off before it has come any further.
	resumes = 3
	// further is how far that is.
	further = 1 << 20
	// resumePause is the first pause before that. Each is twice the one before.
	resumePause = 500 * time.Millisecond
)

// objectReader reads an object. Where an answer breaks off, it asks for the rest.
type objectReader struct {
	ctx   context.Context
	p     *patience
	store *Store
	key   string
	size  int64

	r      *blob.Reader // nil before the first byte, and after a break
	at     int64
	broke  int64 // where it did last
	breaks int   // since it has come further
	failed error
}

func (s *Store) reader(ctx context.Context, key string, size int64) *objectReader {
	r := &objectReader{store: s, key: key, size: size}
	r.ctx, r.p = s.patient(ctx)
	return r
}

func (r *objectReader) close() {
	if r.r != nil {
		_ = r.r.Close()
	}
	r.p.end()
}

func (r *objectReader) Read(b []byte) (int, error) {
	for r.failed == nil {
		n, err := r.next(b)
		switch {
		case err == nil, errors.Is(err, io.EOF):
			return n, err
		case r.size >= 0 && r.at >= r.size:
			return n, io.EOF // the client's own checksum may be why: ours says more
		}
		r.resume(err)
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.failed
}

func (r *objectReader) next(b []byte) (int, error) {
	r.p.wait()
	defer r.p.rest()
	if r.r == nil {
		in, err := r.store.bucket.NewRangeReader(r.ctx, r.key, r.at, -1, nil)
		if e := (&StoreError{Err: err}); r.at > 0 && e.code() == codeNoRange {
			return 0, io.EOF // it is shorter than it was
		}
		if err != nil {
			return 0, err //nolint:wrapcheck // the caller does
		}
		r.r = in
	}
	n, err := r.r.Read(b)
	r.at += int64(n)
	return n, err //nolint:wrapcheck // the caller does
}

// resume makes ready to ask for the rest, or gives up.
func (r *objectReader) resume(err error) {
	opened := r.r != nil
	if opened {
		_ = r.r.Close()
		r.r = nil
	}
	if r.at-r.broke >= further {
		r.breaks = 0
	}
	r.breaks++
	r.broke = r.at
	failed := readError(r.key, r.p.why(r.ctx, err))
	// Its client has tried before it says that it cannot open the object.
	if r.breaks > resumes || r.ctx.Err() != nil || errors.Is(failed, ErrNotThere) || (!opened && r.at == 0) {
		r.failed = failed
		return
	}
	select {
	case <-r.ctx.Done():
		r.failed = failed
	case <-time.After(resumePause << (r.breaks - 1)):
	}
}
