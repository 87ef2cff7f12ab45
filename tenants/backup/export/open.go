package export

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"

	"github.com/klauspost/compress/flate"

	"github.com/avenit/tenantry/tenants/backup"
)

// RefusedError says why something is not taken for an export that was made here.
type RefusedError struct {
	File string // of the zip; "" for the zip itself
	Why  string
}

func (e *RefusedError) Error() string {
	if e.File == "" {
		return "the file is refused: " + e.Why
	}
	return fmt.Sprintf("the file is refused: %q in it: %s", e.File, e.Why)
}

// Reader is an export that is read. For one goroutine.
type Reader struct {
	Manifest Manifest

	files map[string]*zip.File
	total int64
}

const (
	// mostDirectory is how large a zip's directory may be: that of some 200,000 files.
	mostDirectory = 32 << 20
	// mostManifest is how large a manifest may be.
	mostManifest = 128 << 20
	// mostScript is how large what is read whole may be: schema, sequences, rights.
	mostScript = 256 << 20
	// mostShown is how much of a name is told.
	mostShown = 100
)

// ourNames are the names of files that an export has.
var ourNames = regexp.MustCompile(`^(?:(?:data|large_objects|internal)/)?[A-Za-z0-9_.~%-]+$`)

// Open reads the manifest of an export and looks whether the zip has what it names, and nothing else. Nothing of the files is believed before [Reader.Check].
func Open(trusted backup.Trusted, in io.ReaderAt, size int64) (*Reader, error) {
	r, raw, err := open(in, size)
	if err != nil {
		return nil, err
	}
	if r.Manifest, err = openManifest(trusted, raw); err != nil {
		return nil, err
	}
	return r, r.agree()
}

// Peek reads the manifest of what may be an export, and believes it. It is for telling people what they have at hand, and nothing else.
func Peek(in io.ReaderAt, size int64) (Manifest, error) {
	_, raw, err := open(in, size)
	if err != nil {
		return Manifest{}, err
	}
	var signed struct {
		Body Manifest `json:"body"`
	}
	if err := json.Unmarshal(raw, &signed); err != nil || signed.Body.Format == 0 {
		return Manifest{}, &RefusedError{manifestName, "it is not what is written there"}
	}
	if signed.Body.Format > ManifestFormat {
		return signed.Body, fmt.Errorf("%s has format %d, and this program knows up to %d: use a newer one", manifestName, signed.Body.Format, ManifestFormat)
	}
	return signed.Body, nil
}

// open reads a zip's directory and its manifest.
func open(in io.ReaderAt, size int64) (*Reader, []byte, error) {
	directory := &bounded{in: in, left: mostDirectory}
	z, err := zip.NewReader(directory, size)
	switch {
	case directory.failed != nil:
		return nil, nil, directory.failed
	case errors.Is(err, zip.ErrInsecurePath): // such names are refused below
	case err != nil:
		return nil, nil, &RefusedError{"", "it is no zip, or its end is missing"}
	}
	directory.left = -1
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	r := &Reader{files: make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		const encrypted = 1
		switch name := f.Name[:min(len(f.Name), mostShown)]; {
		case !ourNames.MatchString(f.Name):
			return nil, nil, &RefusedError{name, "no file of an export is called that"}
		case r.files[f.Name] != nil:
			return nil, nil, &RefusedError{name, "it is there twice"}
		case f.Method != zip.Deflate && f.Method != zip.Store, f.Flags&encrypted != 0:
			return nil, nil, &RefusedError{name, "it is not compressed as the files of an export are"}
		}
		r.files[f.Name] = f
	}
	f := r.files[manifestName]
	if f == nil {
		return nil, nil, &RefusedError{"", "it has no " + manifestName + ": it is no export, or a part of one"}
	}
	if f.UncompressedSize64 > mostManifest {
		return nil, nil, &RefusedError{manifestName, fmt.Sprintf("it has %d bytes, and a manifest has %d at most", f.UncompressedSize64, mostManifest)}
	}
	raw, err := r.whole(manifestName, mostManifest)
	return r, raw, err
}

// whole reads a file that no manifest describes yet.
func (r *Reader) whole(name string, most int64) ([]byte, error) {
	in, err := r.files[name].Open()
	if err != nil {
		return nil, refused(name, err)
	}
	defer func() { _ = in.Close() }()
	raw, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, refused(name, err)
	}
	if int64(len(raw)) > most {
		return nil, &RefusedError{name, fmt.Sprintf("it has more than %d bytes", most)}
	}
	return raw, nil
}

// refused tells what a zip says of its own damage from errors of the store.
func refused(name string, err error) error {
	if _, is := errors.AsType[*backup.StoreError](err); is {
		return err
	}
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrAlgorithm), errors.Is(err, zip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, io.EOF), errors.As(err, &corrupt):
		return &RefusedError{name, "it is damaged: " + err.Error()}
	}
	return err
}

// agree looks whether manifest and zip have the same files, of the same size.
func (r *Reader) agree() error {
	named := map[string]bool{manifestName: true}
	for _, f := range r.Manifest.Files {
		entry := r.files[f.Path]
		switch {
		case named[f.Path]:
			return &RefusedError{f.Path, "the manifest names it twice"}
		case entry == nil:
			return &RefusedError{f.Path, "the manifest names it, and it is not there"}
		case f.Bytes < 0 || entry.UncompressedSize64 != uint64(f.Bytes):
			return &RefusedError{f.Path, fmt.Sprintf("it has %d bytes, and the manifest says %d", entry.UncompressedSize64, f.Bytes)}
		case f.whole() && f.Bytes > mostScript:
			return &RefusedError{f.Path, fmt.Sprintf("it has %d bytes, and such a file has %d at most", f.Bytes, mostScript)}
		}
		named[f.Path] = true
		r.total += f.Bytes
	}
	for name := range r.files {
		if !named[name] {
			return &RefusedError{name, "the manifest does not name it"}
		}
	}
	return nil
}

// whole says of a file that it is read whole: it is not of rows or of a large object.
func (f File) whole() bool { return f.Kind != Rows && f.Kind != LargeObject }

// Bytes are those of all files.
func (r *Reader) Bytes() int64 { return r.total }

// Check reads every file and holds it against the manifest. progress may be nil.
func (r *Reader) Check(ctx context.Context, progress func(done, total int64)) error {
	var done int64
	for _, f := range r.Manifest.Files {
		if err := r.read(ctx, f, func(io.Reader) error { return nil }); err != nil {
			return err
		}
		done += f.Bytes
		if progress != nil {
			progress(done, r.total)
		}
	}
	return nil
}

// read gives a file's bytes to use, and looks that it is what the manifest says. An error of use is returned as it is, unless the file is to blame for it.
func (r *Reader) read(ctx context.Context, f File, use func(io.Reader) error) error {
	entry, err := r.files[f.Path].Open()
	if err != nil {
		return refused(f.Path, err)
	}
	defer func() { _ = entry.Close() }()
	in := &checking{ctx: ctx, in: entry, file: f, hash: sha256.New()}
	useErr := use(in)
	if useErr == nil || in.failed != nil {
		_, err = io.Copy(io.Discard, in) // to the end, where the checksum is known
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case in.failed != nil:
		return in.failed
	case useErr != nil:
		return useErr
	}
	return err //nolint:wrapcheck // ours
}

// text reads a file whole.
func (r *Reader) text(ctx context.Context, f File) (string, error) {
	var raw []byte
	err := r.read(ctx, f, func(in io.Reader) error {
		var err error
		raw, err = io.ReadAll(in)
		return err //nolint:wrapcheck // ours
	})
	return string(raw), err
}

func (r *Reader) json(ctx context.Context, f File, into any) error {
	text, err := r.text(ctx, f)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return &RefusedError{f.Path, "it is not the JSON that is written there"}
	}
	return nil
}

// checking holds a file against what the manifest says, up to its end.
type checking struct {
	ctx    context.Context //nolint:containedctx // io.Reader takes none; it is that of the call that reads
	in     io.Reader
	file   File
	hash   hash.Hash
	n      int64
	failed error
}

func (c *checking) Read(p []byte) (int, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.in.Read(p)
	_, _ = c.hash.Write(p[:n]) // never fails
	c.n += int64(n)
	switch {
	case c.n > c.file.Bytes:
		c.failed = &RefusedError{c.file.Path, fmt.Sprintf("it has more than the %d bytes that the manifest says", c.file.Bytes)}
	case errors.Is(err, io.EOF) && c.n < c.file.Bytes:
		c.failed = &RefusedError{c.file.Path, fmt.Sprintf("it has %d bytes, and the manifest says %d", c.n, c.file.Bytes)}
	case errors.Is(err, io.EOF) && hex.EncodeToString(c.hash.Sum(nil)) != c.file.SHA256:
		c.failed = &RefusedError{c.file.Path, "its checksum is not that of the manifest"}
	case err != nil && !errors.Is(err, io.EOF):
		c.failed = refused(c.file.Path, err)
	default:
		return n, err //nolint:wrapcheck // the end
	}
	return n, c.failed
}

// bounded reads no more than it may, until left is negative.
type bounded struct {
	in     io.ReaderAt
	left   int64
	failed error
}

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if b.left >= 0 {
		if b.left -= int64(len(p)); b.left < 0 {
			b.left = 0
			b.failed = &RefusedError{"", fmt.Sprintf("its directory has more than %d bytes", mostDirectory)}
			return 0, b.failed
		}
	}
	n, err := b.in.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed = err
	}
	return n, err //nolint:wrapcheck // the store's, as it is
}
