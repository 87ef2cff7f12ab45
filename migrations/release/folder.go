package release

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// folder is what formats look at: the names, and the text of the SQL files.
type folder struct {
	dir string
	// names are those of all files and sub-folders, dirs those of the sub-folders.
	names, dirs []string
	// sources are the *.sql files of the folder itself, by name.
	sources []source
	// more are the other files that the format asks for, also of sub-folders, by path.
	more []source
	// leftOut are files of another format than the one that was asked for, by path.
	leftOut []string
	// size is how many bytes were read.
	size int
	fsys fs.FS
}

type source struct {
	name string
	text string
}

// has reports whether the folder holds a file of this path.
func (f folder) has(name string) bool {
	_, err := fs.Stat(f.fsys, path.Join(f.dir, name))
	return err == nil
}

func readFolder(fsys fs.FS, dir string, found *problems) (folder, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return folder{}, fmt.Errorf("read folder of migrations: %w", err)
	}
	f := folder{dir: dir, fsys: fsys}
	var sqlNames []string
	for _, entry := range entries {
		f.names = append(f.names, entry.Name())
		switch {
		case entry.IsDir():
			f.dirs = append(f.dirs, entry.Name())
		case isSQL(entry.Name()):
			sqlNames = append(sqlNames, entry.Name())
		}
	}
	f.sources, err = f.readAll(sqlNames, found)
	return f, err
}

func isSQL(name string) bool {
	return strings.EqualFold(path.Ext(name), ".sql")
}

// readAll reads files, given by their paths in the folder, until the limits of a release are reached.
func (f *folder) readAll(names []string, found *problems) ([]source, error) {
	if len(names) > MaxFiles {
		found.add(f.dir, 0, fmt.Sprintf("holds %d SQL files, %d are allowed", len(names), MaxFiles), "squash the oldest ones")
		return nil, found.err()
	}
	sources := make([]source, 0, len(names))
	for _, name := range names {
		text, size, err := readSource(f.fsys, f.dir, name, found)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source{name: name, text: text})
		if f.size += size; f.size > MaxReleaseBytes {
			found.add(f.dir, 0, fmt.Sprintf("holds more than %d MiB of SQL", MaxReleaseBytes>>20), "keep data out of migrations")
			return nil, found.err()
		}
	}
	return sources, nil
}

// readSource returns a file's text, "" when it was refused, and how many bytes were read.
func readSource(fsys fs.FS, dir, name string, found *problems) (text string, size int, err error) {
	info, err := fs.Stat(fsys, path.Join(dir, name))
	if err != nil {
		return "", 0, fmt.Errorf("read migration %s: %w", name, err)
	}
	if info.Size() > MaxFileBytes {
		found.add(name, 0, fmt.Sprintf("is %d bytes long, %d are allowed", info.Size(), MaxFileBytes), "split it; keep data out of migrations")
		return "", 0, nil
	}
	content, err := fs.ReadFile(fsys, path.Join(dir, name))
	if err != nil {
		return "", 0, fmt.Errorf("read migration %s: %w", name, err)
	}
	if len(name) > MaxNameBytes || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == utf8.RuneError }) {
		found.add(name, 0, fmt.Sprintf("the name is longer than %d bytes, or holds control characters", MaxNameBytes), "rename the file")
	}
	return decode(name, content, found), len(content), nil
}

var (
	utf8Mark    = []byte("\xef\xbb\xbf")
	utf16LEMark = []byte("\xff\xfe")
	utf16BEMark = []byte("\xfe\xff")
)

// decode returns the text with LF line ends and without a byte order mark.
func decode(name string, content []byte, found *problems) string {
	if bytes.HasPrefix(content, utf16LEMark) || bytes.HasPrefix(content, utf16BEMark) {
		found.add(name, 0, "is written in UTF-16", "save it as UTF-8")
		return ""
	}
	content = bytes.TrimPrefix(content, utf8Mark)
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	if at := bytes.IndexByte(content, 0); at >= 0 {
		found.add(name, 1+bytes.Count(content[:at], []byte("\n")), "holds a NUL byte", "a migration is text: remove it")
		return ""
	}
	if at := invalidUTF8(content); at >= 0 {
		found.add(name, 1+bytes.Count(content[:at], []byte("\n")), "holds bytes that are not UTF-8", "save the file as UTF-8")
		return ""
	}
	return string(content)
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, -1 when there is none.
func invalidUTF8(content []byte) int {
	for at := 0; at < len(content); {
		r, size := utf8.DecodeRune(content[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

func countLines(text string) int {
	return strings.Count(text, "\n")
}
