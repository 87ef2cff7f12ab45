package localpg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	maxLogSize = 16 << 20 // a bigger log is put aside at the next start
	tailLines  = 12
	tailBytes  = 4 << 10
)

// openLog opens the file that the server writes to, and says where the coming life begins in it. One older file is kept.
func openLog(path string) (f *os.File, begin int64, err error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogSize {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("put the old log aside: %w", err)
		}
	}
	f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // G304: a path of ours
	if err != nil {
		return nil, 0, fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, 0, fmt.Errorf("open log: %w", err)
	}
	return f, info.Size(), nil
}

// readTail returns the end of what the server wrote since begin.
func readTail(path string, begin int64) []byte {
	f, err := os.Open(path) //nolint:gosec // G304: a path of ours
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []byte(err.Error())
	}
	defer f.Close() //nolint:errcheck // opened for reading
	if info, err := f.Stat(); err == nil {
		begin = max(begin, info.Size()-tailBytes)
	}
	text, err := io.ReadAll(io.NewSectionReader(f, begin, tailBytes))
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// indentTail formats the last lines of a program's output for the end of an error; empty for no output.
func indentTail(output []byte) string {
	text := string(bytes.TrimSpace(output))
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return ":\n\t" + strings.Join(lines, "\n\t")
}
