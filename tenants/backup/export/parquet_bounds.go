package export

import (
	"slices"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// mostBound is how long the least and the greatest value are that a file tells of a part of a column. The writer keeps those of all parts in memory until the
// end of the file, and they may be as large as values are: shorter ones do as well, the least may be less and the greatest more.
const mostBound = 64

// boundedType is a type of bytes of any length, with bounds that are not.
type boundedType struct{ parquet.Type }

// withBounds gives the column of a type its bounds.
func withBounds(node parquet.Node) parquet.Node { return parquet.Leaf(boundedType{node.Type()}) }

// NewColumnBuffer is where a column's values are before they are written.
func (t boundedType) NewColumnBuffer(index, values int) parquet.ColumnBuffer {
	return boundedBuffer{t.Type.NewColumnBuffer(index, values)}
}

type boundedBuffer struct{ parquet.ColumnBuffer }

// Page is what is written of them at once.
func (b boundedBuffer) Page() parquet.Page { return boundedPage{b.ColumnBuffer.Page()} }

type boundedPage struct{ parquet.Page }

// Bounds are no greater than the least value, and no less than the greatest.
func (p boundedPage) Bounds() (least, greatest parquet.Value, ok bool) {
	least, greatest, ok = p.Page.Bounds()
	if !ok {
		return least, greatest, ok
	}
	return parquet.ByteArrayValue(cut(least.ByteArray())), parquet.ByteArrayValue(above(greatest.ByteArray())), true
}

// cut gives the beginning of a value, which is less than the value. It ends between two characters.
func cut(value []byte) []byte {
	if len(value) <= mostBound {
		return value
	}
	end := mostBound
	for i := 1; i < utf8.UTFMax && !utf8.RuneStart(value[end]); i++ {
		end--
	}
	return value[:end]
}

// above gives a short value that is greater than one that is long: its beginning, with the last character that has a next one replaced by that.
func above(value []byte) []byte {
	short := cut(value)
	if len(short) == len(value) {
		return value
	}
	for len(short) > 0 {
		last, size := utf8.DecodeLastRune(short)
		single := short[len(short)-1]
		short = slices.Clip(short[:len(short)-size])
		const surrogates, afterSurrogates = 0xD800, 0xE000 // which are no characters
		switch next := last + 1; {
		case last == utf8.RuneError && size == 1: // no text
			if single < 0xFF {
				return append(short, single+1)
			}
		case next == surrogates:
			return utf8.AppendRune(short, afterSurrogates)
		case next <= utf8.MaxRune:
			return utf8.AppendRune(short, next)
		}
	}
	return value
}
