package release

import (
	"errors"
	"fmt"
)

// ErrChanged says that a name is taken by a release with other content.
var ErrChanged = errors.New("a published release never changes")

// ErrNotExtended says that a release lacks, changes or reorders files of the one before it.
var ErrNotExtended = errors.New("a release extends the one before it")

// ChangedError names the first file that differs from what was published.
type ChangedError struct {
	// Kind is ErrChanged or ErrNotExtended.
	Kind error
	// Release is the name of the published release that was compared with.
	Release string
	// File is the file's name.
	File string
	// Reason says how it differs, Fix what to do.
	Reason, Fix string
}

// Error names the rule, the file, how it differs and the way out.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%v: %s %s, compared with release %s; %s", e.Kind, e.File, e.Reason, e.Release, e.Fix)
}

// Unwrap returns the kind, for errors.Is.
func (e *ChangedError) Unwrap() error { return e.Kind }

const newNameFix = "publish under a new name"

// compareSame finds the first difference between two releases of one name. The caller knows that there is one.
func compareSame(release string, old, files []File) error {
	err := compareOld(release, old, files)
	if err == nil {
		err = &ChangedError{Release: release, File: files[len(files)-1].Name, Reason: "is new"}
	}
	err.Kind, err.Fix = ErrChanged, newNameFix
	return err
}

// compareExtended reports the first file of the published release that is missing, changed or not in its place.
func compareExtended(release string, old, files []File) error {
	if err := compareOld(release, old, files); err != nil {
		err.Kind = ErrNotExtended
		return err
	}
	return nil
}

// compareOld looks for every published file in its place.
func compareOld(release string, old, files []File) *ChangedError {
	places := make(map[string]int, len(files))
	for i, file := range files {
		places[file.Version] = i
	}
	for i, was := range old {
		place, there := places[was.Version]
		if !there {
			return &ChangedError{Release: release, File: was.Name, Reason: "is missing", Fix: "put it back"}
		}
		if place != i {
			return &ChangedError{
				Release: release, File: files[i].Name, Reason: "comes before " + was.Name + ", which was published first",
				Fix: "give it a number after the last published file's",
			}
		}
		if reason := difference(was, files[i]); reason != "" {
			return &ChangedError{Release: release, File: was.Name, Reason: reason, Fix: "restore it and write the change as a new file"}
		}
	}
	return nil
}

// difference says how a file differs from the published one, "" when it does not.
func difference(was, is File) string {
	switch {
	case was.Checksum == is.Checksum:
		return ""
	case was.Name != is.Name:
		return "is now called " + is.Name
	case was.Transactional != is.Transactional:
		return "runs in another mode (in a transaction or not)"
	default:
		return "holds other statements"
	}
}
