package export_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avenit/tenantry/tenants/backup/export"
)

// TestBounds: the bounds of long values are short, hold, and are texts where the values are.
func TestBounds(t *testing.T) {
	t.Parallel()
	most := "\U0010FFFF"
	for value, want := range map[string]string{
		"":                               "",
		strings.Repeat("a", 64):          strings.Repeat("a", 64),
		strings.Repeat("a", 65):          strings.Repeat("a", 63) + "b",
		strings.Repeat("é", 50):          strings.Repeat("é", 31) + "ê",
		strings.Repeat("\uD7FF", 50):     strings.Repeat("\uD7FF", 20) + "\uE000",
		"b" + strings.Repeat(most, 50):   "c",
		"b" + strings.Repeat("\xff", 80): "c",
		strings.Repeat("\x80", 80):       strings.Repeat("\x80", 60) + "\x81",
		strings.Repeat("\xff", 80):       strings.Repeat("\xff", 80),
	} {
		require.Equal(t, want, string(export.Above([]byte(value))))
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "text") {
			value = []byte(rapid.StringN(0, 200, -1).Draw(t, "value"))
		}
		least, greatest := export.Cut(value), export.Above(value)
		require.LessOrEqual(t, bytes.Compare(least, value), 0)
		require.GreaterOrEqual(t, bytes.Compare(greatest, value), 0)
		require.LessOrEqual(t, len(least), 64)
		if utf8.Valid(value) {
			require.True(t, utf8.Valid(least))
			require.True(t, utf8.Valid(greatest))
		}
	})
}
