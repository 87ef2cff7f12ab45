package release

import (
	"fmt"
	"path"
	"slices"
)

// claim is what speaks for a format.
type claim struct {
	layout layout
	files  []string
}

// claims are those of all formats that a folder may be in.
type claims []claim

func claimsOf(f folder) claims {
	var all claims
	for _, l := range layouts() {
		if l.evidence == nil {
			continue
		}
		if files := l.evidence(f); len(files) > 0 {
			all = append(all, claim{l, files})
		}
	}
	return all
}

// besides lists the files that speak for other formats and not for this one.
func (c claims) besides(format Format) []string {
	var own, others []string
	for _, one := range c {
		if one.layout.format == format {
			own = one.files
		} else {
			others = append(others, one.files...)
		}
	}
	return slices.DeleteFunc(others, func(name string) bool { return slices.Contains(own, name) })
}

// without leaves files out, as the tool of the format that was asked for would, and the sub-folders that hold them.
func (f folder) without(names []string) folder {
	f.leftOut = names
	f.sources = slices.DeleteFunc(slices.Clone(f.sources), func(src source) bool { return slices.Contains(names, src.name) })
	f.dirs = slices.DeleteFunc(slices.Clone(f.dirs), func(dir string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return path.Dir(name) == dir })
	})
	return f
}

// refuseAmbiguous names, for each format that the folder may be in, a file that speaks for it.
func refuseAmbiguous(all claims, found *problems) {
	var formats []Format
	for _, one := range all {
		formats = append(formats, one.layout.format)
	}
	for _, one := range all {
		reason := fmt.Sprintf("is one of %d files that make this a folder of %s, and others make it one of another tool", len(one.files), one.layout.format)
		if len(one.files) == 1 {
			reason = fmt.Sprintf("makes this a folder of %s, and other files make it one of another tool", one.layout.format)
		}
		found.add(one.files[0], 0, reason, "move the files of one tool out, or say which to read: "+choose(formats...))
	}
}

// refuseStray names an SQL file that is not named as its format names files. Read by nobody, it would be missed.
func refuseStray(name string, format Format, pattern string, found *problems) {
	found.add(name, 0, "is not named as "+string(format)+" names migrations, as other files here are",
		"name it like "+pattern+", move it out of the folder, or choose the format with --format")
}
