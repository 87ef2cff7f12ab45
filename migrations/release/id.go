package release

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
)

// idPrefix begins every release's ID, and therefore no release's name.
const idPrefix = "rel_"

// newID makes an identifier of the fleet's common form: prefix, 48 bits of milliseconds, 48 random bits.
func newID(now time.Time) string {
	var bits [14]byte
	binary.BigEndian.PutUint64(bits[:8], uint64(now.UnixMilli()))
	rand.Read(bits[8:])
	return idPrefix + hex.EncodeToString(bits[2:])
}

// isName reports whether a release may be called so.
func isName(name string) bool {
	return nameForm.MatchString(name) && !strings.HasPrefix(name, idPrefix)
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._+-]{0,126}[A-Za-z0-9])?$`)
