package export

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

// writer writes the files of an export, and adds up what it writes.
type writer struct {
	zip *zip.Writer
	at  time.Time

	files    []File
	done     int64
	told     int64
	total    int64
	progress func(done, total int64)
}

func newWriter(w io.Writer, at time.Time) *writer {
	z := zip.NewWriter(w)
	// As the standard library's, and several times as fast.
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.DefaultCompression)
	})
	return &writer{zip: z, at: at}
}

// file writes one file. fill returns how many rows it has written.
func (w *writer) file(f File, fill func(io.Writer) (rows int64, err error)) error {
	method := zip.Deflate
	if strings.HasSuffix(f.Path, "."+Parquet) {
		method = zip.Store // it is compressed within
	}
	entry, err := w.zip.CreateHeader(&zip.FileHeader{Name: f.Path, Method: method, Modified: w.at})
	if err != nil {
		return fmt.Errorf("begin %s: %w", f.Path, err)
	}
	sum := &summing{writer: w, out: entry, hash: sha256.New()}
	// Rows come one by one.
	buffer := bufio.NewWriterSize(sum, 64<<10)
	if f.Rows, err = fill(buffer); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	f.Bytes, f.SHA256 = sum.n, hex.EncodeToString(sum.hash.Sum(nil))
	w.files = append(w.files, f)
	return nil
}

func (w *writer) text(path string, kind Kind, text string) error {
	return w.file(File{Path: path, Kind: kind}, func(out io.Writer) (int64, error) {
		_, err := io.WriteString(out, text)
		return 0, err //nolint:wrapcheck // ours
	})
}

func (w *writer) json(path string, kind Kind, value any) error {
	return w.file(File{Path: path, Kind: kind}, func(out io.Writer) (int64, error) {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return 0, enc.Encode(value)
	})
}

// toldEvery is how many bytes pass between two reports of progress.
const toldEvery = 4 << 20

func (w *writer) passed(n int64) {
	w.done += n
	if w.progress != nil && w.done-w.told >= toldEvery {
		w.told = w.done
		w.progress(w.done, max(w.done, w.total))
	}
}

// summing adds up a file.
type summing struct {
	writer *writer
	out    io.Writer
	hash   hash.Hash
	n      int64
}

func (s *summing) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	_, _ = s.hash.Write(p[:n]) // never fails
	s.n += int64(n)
	s.writer.passed(int64(n))
	return n, err //nolint:wrapcheck // the store's, as it is
}
