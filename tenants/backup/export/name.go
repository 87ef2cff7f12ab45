package export

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// mostName is how long a file's name is before its ending. File systems take 255 bytes.
const mostName = 200

// names gives tables the names of their files: safe for any file system, no two the same even where that does not tell large letters from small ones.
type names map[string]bool

// of names the file of a table's rows, without its ending.
func (n names) of(schema, table string) string {
	name := escape(schema) + "." + escape(table)
	if len(name) > mostName {
		sum := sha256.Sum256([]byte(name))
		name = strings.TrimRight(name[:mostName-9], "%") + "~" + hex.EncodeToString(sum[:4])
	}
	unique := name
	for i := 2; n[strings.ToLower(unique)]; i++ {
		unique = fmt.Sprintf("%s~%d", name, i)
	}
	n[strings.ToLower(unique)] = true
	return unique
}

// escape keeps letters, digits, _ and - of ASCII and writes every other byte as % and two digits.
func escape(name string) string {
	var out strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
