package export

// copyRows takes what COPY writes in its text format, in pieces of any size, and gives each row: a value for each column as the type's output function writes
// it, nil for NULL. The values are good until row returns.
type copyRows struct {
	row func(values [][]byte) error
	// columns is how many there are. A table without any has empty lines.
	columns int

	text    []byte // of the row so far, without escapes
	ends    []int  // where each value ends in text; -1 after one that is NULL
	values  [][]byte
	escaped bool
	null    bool
}

// newCopyRows gives every row to row. It passes on row's errors.
func newCopyRows(columns int, row func(values [][]byte) error) *copyRows {
	return &copyRows{row: row, columns: columns, text: []byte{}} // not nil: no part of it is NULL
}

// unescaped are the characters that COPY writes with a letter.
var unescaped = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

func (c *copyRows) Write(p []byte) (int, error) {
	for _, b := range p {
		switch {
		case c.escaped && b == 'N':
			c.escaped, c.null = false, true
		case c.escaped:
			c.escaped = false
			if plain, special := unescaped[b]; special {
				b = plain
			}
			c.text = append(c.text, b)
		case b == '\\':
			c.escaped = true
		case b == '\t':
			c.endValue()
		case b == '\n':
			if err := c.endRow(); err != nil {
				return 0, err
			}
		default:
			c.text = append(c.text, b)
		}
	}
	return len(p), nil
}

func (c *copyRows) endValue() {
	end := len(c.text)
	if c.null {
		end = -1
	}
	c.ends = append(c.ends, end)
	c.null = false
}

func (c *copyRows) endRow() error {
	if c.columns > 0 {
		c.endValue()
	}
	c.values = c.values[:0]
	begin := 0
	for _, end := range c.ends {
		if end < 0 {
			c.values = append(c.values, nil)
			continue
		}
		c.values = append(c.values, c.text[begin:end:end])
		begin = end
	}
	err := c.row(c.values)
	c.text, c.ends = c.text[:0], c.ends[:0]
	return err
}
