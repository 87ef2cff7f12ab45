package release

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxWalked is how many files and folders are looked at for a format that has sub-folders.
const maxWalked = 50_000

// below lists the files of the folder and of its sub-folders down to a depth, 0 being the folder itself, by path. What
// tools keep for themselves (.git, node_modules) is not looked at.
func (f folder) below(depth int) ([]string, error) {
	var paths []string
	walked := 0
	err := fs.WalkDir(f.fsys, f.dir, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if walked++; walked > maxWalked {
			return errTooMany
		}
		name := f.inside(full)
		if !entry.IsDir() {
			paths = append(paths, name)
			return nil
		}
		if name != "." && (strings.Count(name, "/") >= depth || isPrivate(entry.Name())) {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read folder of migrations: %w", err)
	}
	return paths, nil
}

var errTooMany = errors.New("it holds too many files and folders: name the folder of the migrations itself")

func isPrivate(dir string) bool {
	return strings.HasPrefix(dir, ".") || dir == "node_modules"
}

// inside turns a path of the file system into one of the folder, "." for the folder itself.
func (f folder) inside(full string) string {
	if full == f.dir {
		return "."
	}
	return strings.TrimPrefix(full, f.dir+"/")
}

// readMore reads what a format wants beside the folder's own SQL files.
func (f *folder) readMore(l layout, found *problems) error {
	if l.wants == nil {
		return nil
	}
	paths, err := f.below(l.depth)
	if err != nil {
		return err
	}
	var wanted []string
	for _, name := range paths {
		own := isSQL(name) && path.Dir(name) == "."
		if !own && l.wants(name) && !slices.Contains(f.leftOut, name) {
			wanted = append(wanted, name)
		}
	}
	f.more, err = f.readAll(wanted, found)
	return err
}

// text returns what was read of a file that the format wanted.
func (f folder) text(name string) (string, bool) {
	for _, src := range f.more {
		if src.name == name {
			return src.text, true
		}
	}
	return "", false
}
