package release

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// HashStatement returns the hex SHA-256 of a statement's exact bytes.
func HashStatement(sql string) string {
	sum := sha256.Sum256([]byte(sql))
	return hex.EncodeToString(sum[:])
}

// fileChecksum covers what is applied and recorded of a file. No part can hold a line break, so the lines are
// unambiguous.
func fileChecksum(file File) string {
	var text strings.Builder
	text.WriteString(file.Version + "\n" + file.Name + "\n" + strconv.FormatBool(file.Transactional) + "\n")
	for _, statement := range file.Statements {
		text.WriteString(statement.Hash + "\n")
	}
	return HashStatement(text.String())
}

func releaseChecksum(files []File) string {
	var text strings.Builder
	for _, file := range files {
		text.WriteString(file.Checksum + "\n")
	}
	return HashStatement(text.String())
}
