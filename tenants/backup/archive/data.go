package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
)

// Sum is what rows add up to. The zero value is that of no rows.
type Sum struct {
	Rows int64 `json:"rows"`
	// Bytes is how long they are as COPY writes them, without the ends of lines.
	Bytes int64 `json:"bytes"`
	// Hash is the sum of their hashes.
	Hash Hash `json:"hash"`
}

// Hash is written as 16 hex digits: JavaScript's numbers cannot hold it.
type Hash uint64

// MarshalText writes it.
func (h Hash) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(h)), nil }

// UnmarshalText reads what MarshalText writes, and nothing else.
func (h *Hash) UnmarshalText(text []byte) error {
	var n uint64
	if _, err := fmt.Sscanf(string(text), "%016x", &n); err != nil || len(text) != 16 || fmt.Sprintf("%016x", n) != string(text) {
		return fmt.Errorf("hash: %q is not 16 hex digits", text)
	}
	*h = Hash(n)
	return nil
}

func (s *Sum) add(hash uint64, length int64) {
	s.Rows++
	s.Bytes += length
	s.Hash += Hash(hash)
}

// Contents are what an archive's data adds up to.
type Contents struct {
	// Tables by the id of their entry.
	Tables map[int]Sum
	// LargeObjects counts each as a row: its number as eight bytes, the highest first, then what it holds.
	LargeObjects Sum
}

// Archive reads one archive.
type Archive struct {
	TOC TOC

	h *head
}

// bufferSize is read at once: a system call for every 64 KiB would cost as much as adding up.
const bufferSize = 256 << 10

// Open reads the header and the table of contents.
func Open(r io.Reader) (*Archive, error) {
	toc, h, err := readTOC(bufio.NewReaderSize(r, bufferSize))
	if err != nil {
		return nil, err
	}
	return &Archive{TOC: toc, h: h}, nil
}

// Kinds of blocks.
const (
	blockData         = 1
	blockLargeObjects = 3
)

// Sum reads all data to the end. It must be called once.
func (a *Archive) Sum() (Contents, error) {
	c := Contents{Tables: map[int]Sum{}}
	want := map[int]string{} // kinds of the entries that have data
	for _, e := range a.TOC.Entries {
		if e.HasData {
			want[e.ID] = e.Kind
		}
	}
	for {
		kind, err := a.h.r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, damaged("data", err)
		}
		id, err := a.h.int()
		if err != nil {
			return c, err
		}
		if want[id] == "" {
			return c, fmt.Errorf("%w: data of entry %d, which has none or had it before", ErrDamaged, id)
		}
		delete(want, id)
		switch kind {
		case blockData:
			sum, err := a.rows()
			if err != nil {
				return c, err
			}
			c.Tables[id] = sum
		case blockLargeObjects:
			if err := a.largeObjects(&c.LargeObjects); err != nil {
				return c, err
			}
		default:
			return c, fmt.Errorf("%w: a block of kind %d", ErrDamaged, kind)
		}
	}
	for id, kind := range want {
		return c, fmt.Errorf("%w: it ends before the data of entry %d, %s", ErrDamaged, id, kind)
	}
	return c, nil
}

// endOfCopy is what pg_dump writes after a table's last row.
const endOfCopy = `\.`

// rows adds up one table.
func (a *Archive) rows() (Sum, error) {
	var l Lines
	l.archived = true
	for {
		n, err := a.h.int()
		if err != nil {
			return Sum{}, err
		}
		if n == 0 {
			break
		}
		if err := a.chunk(n, l.Write); err != nil {
			return Sum{}, err
		}
	}
	if !l.ended || l.begun {
		return Sum{}, fmt.Errorf("%w: a table's data has no end", ErrDamaged)
	}
	return l.Sum, nil
}

// chunk hands on the next n bytes, in parts that lie in the buffer.
func (a *Archive) chunk(n int, to func([]byte) (int, error)) error {
	if n < 0 {
		return fmt.Errorf("%w: a part of %d bytes", ErrDamaged, n)
	}
	for n > 0 {
		part, err := a.h.r.Peek(min(n, bufferSize))
		if len(part) == 0 || (err != nil && len(part) < min(n, bufferSize)) {
			return damaged("data", err)
		}
		if _, err := to(part); err != nil {
			return err
		}
		_, _ = a.h.r.Discard(len(part)) // it was peeked at
		n -= len(part)
	}
	return nil
}

// largeObjects adds up a block of them.
func (a *Archive) largeObjects(sum *Sum) error {
	for {
		oid, err := a.h.int()
		if err != nil {
			return err
		}
		if oid == 0 {
			return nil
		}
		object := NewLargeObject(uint32(oid)) //nolint:gosec // G115: an oid has 32 bits
		for {
			n, err := a.h.int()
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			if err := a.chunk(n, object.Write); err != nil {
				return err
			}
		}
		object.AddTo(sum)
	}
}

// LargeObject adds up one large object. Write what it holds, in any parts.
type LargeObject struct {
	digest xxhash.Digest
	length int64
}

// NewLargeObject begins with an object's number.
func NewLargeObject(oid uint32) *LargeObject {
	var o LargeObject
	o.digest.Reset()
	_, _ = o.digest.Write(binary.BigEndian.AppendUint64(nil, uint64(oid))) // never fails
	return &o
}

// Write never fails.
func (o *LargeObject) Write(p []byte) (int, error) {
	o.length += int64(len(p))
	return o.digest.Write(p) //nolint:wrapcheck // never fails
}

// AddTo ends the object.
func (o *LargeObject) AddTo(sum *Sum) { sum.add(o.digest.Sum64(), o.length) }

// Lines adds up rows as COPY … TO STDOUT writes them: write to it, then read Sum. The zero value is ready.
type Lines struct {
	Sum Sum

	// A line's beginning, where its end has not come yet.
	digest xxhash.Digest
	begun  bool
	length int64
	tail   []byte // the beginning as it is, as long as it may be the end of an archive's rows

	archived bool // a line \. ends it, and nothing but ends of lines may follow
	ended    bool
}

// Write takes rows in any parts.
func (l *Lines) Write(p []byte) (int, error) {
	taken := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.begin(p)
			return taken, nil
		}
		line := p[:end]
		p = p[end+1:]
		if l.begun {
			l.begin(line)
			if err := l.add(l.digest.Sum64(), l.length, l.tail); err != nil {
				return taken - len(p), err
			}
			l.begun, l.length, l.tail = false, 0, l.tail[:0]
			continue
		}
		if err := l.add(xxhash.Sum64(line), int64(len(line)), line); err != nil {
			return taken - len(p), err
		}
	}
	return taken, nil
}

// begin keeps the beginning of a line.
func (l *Lines) begin(part []byte) {
	if !l.begun {
		l.digest.Reset()
		l.begun = true
	}
	_, _ = l.digest.Write(part) // never fails
	l.length += int64(len(part))
	if room := len(endOfCopy) - len(l.tail); room > 0 {
		l.tail = append(l.tail, part[:min(room, len(part))]...)
	}
}

func (l *Lines) add(hash uint64, length int64, line []byte) error {
	if l.archived {
		if l.ended {
			if length > 0 {
				return fmt.Errorf("%w: a table's data goes on after its end", ErrDamaged)
			}
			return nil
		}
		if length == int64(len(endOfCopy)) && string(line) == endOfCopy {
			l.ended = true
			return nil
		}
	}
	l.Sum.add(hash, length)
	return nil
}
