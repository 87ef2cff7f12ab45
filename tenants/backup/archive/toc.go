package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// TOC is an archive's table of contents.
type TOC struct {
	// Version is the format's, such as 1.14.
	Version Version
	// Database is the name of the database that was dumped.
	Database string
	// Server and Client are the versions of the server and of pg_dump, such as "15.18 (Debian 15.18-1)".
	Server, Client string
	Entries        []Entry
}

// Version of the archive format.
type Version struct{ Major, Minor int }

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

func (v Version) atLeast(minor int) bool { return v.Minor >= minor }

// Entry is one thing that was dumped.
type Entry struct {
	ID int
	// Kind is pg_dump's word for it, such as "TABLE DATA", "ACL" or "SEQUENCE SET".
	Kind      string
	Namespace string // "" where it is in no schema
	Name      string
	Owner     string
	// Definition is the SQL that makes it; "" for rows.
	Definition string
	// Copy is the statement that loads a table's rows.
	Copy string
	// HasData says that there is a block of data for it.
	HasData bool
}

// ErrDamaged says that something is no archive, or one that ends too soon, or one that holds what cannot be.
var ErrDamaged = errors.New("the archive is damaged")

// ErrVersion says that an archive is of a version that is not known here.
var ErrVersion = errors.New("the archive's version is not known")

const (
	magic     = "PGDMP"
	custom    = 1
	oldest    = 14 // of 1.x
	newest    = 16
	mostText  = 1 << 30 // of one text: PostgreSQL's own limit for a value
	mostThing = 1 << 24 // entries of a table of contents
)

// head is what the rest of an archive is read with.
type head struct {
	version   Version
	intSize   int
	offSize   int
	r         *bufio.Reader
	textSoFar int
}

// readTOC reads the header and the table of contents.
func readTOC(r *bufio.Reader) (TOC, *head, error) {
	h := &head{r: r}
	var start [len(magic) + 6]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return TOC{}, nil, damaged("header", err)
	}
	if string(start[:len(magic)]) != magic {
		return TOC{}, nil, fmt.Errorf("%w: it does not begin with %s", ErrDamaged, magic)
	}
	rest := start[len(magic):]
	h.version = Version{int(rest[0]), int(rest[1])}
	if h.version.Major != 1 || h.version.Minor < oldest || h.version.Minor > newest {
		return TOC{}, nil, fmt.Errorf("%w: %s", ErrVersion, h.version)
	}
	h.intSize, h.offSize = int(rest[3]), int(rest[4])
	if h.intSize < 1 || h.intSize > 8 || h.offSize < 1 || h.offSize > 8 || rest[5] != custom {
		return TOC{}, nil, fmt.Errorf("%w: its header has sizes %d and %d and format %d", ErrDamaged, h.intSize, h.offSize, rest[5])
	}
	toc, err := h.contents()
	if err != nil {
		return TOC{}, nil, err
	}
	return toc, h, nil
}

func (h *head) contents() (TOC, error) {
	toc := TOC{Version: h.version}
	if err := h.compression(); err != nil {
		return toc, err
	}
	for range 7 { // when it was made, as a broken-down time without its zone
		if _, err := h.int(); err != nil {
			return toc, err
		}
	}
	var err error
	for _, text := range []*string{&toc.Database, &toc.Server, &toc.Client} {
		if *text, _, err = h.text(); err != nil {
			return toc, err
		}
	}
	n, err := h.int()
	if err != nil {
		return toc, err
	}
	if n < 0 || n > mostThing {
		return toc, fmt.Errorf("%w: it says that it has %d entries", ErrDamaged, n)
	}
	for range n {
		e, err := h.entry()
		if err != nil {
			return toc, err
		}
		toc.Entries = append(toc.Entries, e)
	}
	return toc, nil
}

// compression must be none: compressed data cannot be added up in passing.
func (h *head) compression() error {
	var level int
	var err error
	if h.version.atLeast(15) {
		var algorithm byte
		algorithm, err = h.r.ReadByte()
		level = int(algorithm)
	} else {
		level, err = h.int()
	}
	if err != nil {
		return damaged("compression", err)
	}
	if level != 0 {
		return fmt.Errorf("%w: it is compressed (%d), dump with -Z0", ErrDamaged, level)
	}
	return nil
}

// entry reads one entry, in the order in which WriteToc writes its fields.
func (h *head) entry() (Entry, error) {
	var e Entry
	var err error
	if e.ID, err = h.int(); err != nil {
		return e, err
	}
	dumper, err := h.int()
	if err != nil {
		return e, err
	}
	e.HasData = dumper != 0
	var skipped string
	if err := h.texts(&skipped, &skipped, &e.Name, &e.Kind); err != nil { // two oids first
		return e, err
	}
	if _, err := h.int(); err != nil { // section
		return e, err
	}
	texts := []*string{&e.Definition, &skipped, &e.Copy, &e.Namespace, &skipped, &skipped} // the statement that drops it, tablespace, table access method
	if err := h.texts(texts...); err != nil {
		return e, err
	}
	if h.version.atLeast(16) {
		if _, err := h.int(); err != nil { // kind of relation
			return e, err
		}
	}
	if err := h.texts(&e.Owner, &skipped); err != nil { // whether it has oids
		return e, err
	}
	for { // what it depends on, up to a text that is not there
		_, there, err := h.text()
		if err != nil {
			return e, err
		}
		if !there {
			break
		}
	}
	if _, err := h.r.Discard(1 + h.offSize); err != nil { // where its data is, which pg_dump does not know when it writes to a pipe
		return e, damaged("table of contents", err)
	}
	return e, nil
}

func (h *head) texts(into ...*string) error {
	for _, text := range into {
		var err error
		if *text, _, err = h.text(); err != nil {
			return err
		}
	}
	return nil
}

// int reads a number: a byte for its sign, then its bytes, the lowest first.
func (h *head) int() (int, error) {
	raw, err := h.r.Peek(1 + h.intSize)
	if err != nil {
		return 0, damaged("number", err)
	}
	var n uint64
	for i := h.intSize; i >= 1; i-- {
		n = n<<8 | uint64(raw[i])
	}
	negative := raw[0] != 0
	_, _ = h.r.Discard(1 + h.intSize) // it was peeked at
	if n > 1<<62 {
		return 0, fmt.Errorf("%w: number %s", ErrDamaged, strconv.FormatUint(n, 10))
	}
	if negative {
		return -int(n), nil
	}
	return int(n), nil
}

// text reads a text, or that there is none.
func (h *head) text() (text string, there bool, err error) {
	n, err := h.int()
	if err != nil || n < 0 {
		return "", false, err
	}
	h.textSoFar += n
	if n > mostText || h.textSoFar > mostText {
		return "", false, fmt.Errorf("%w: its table of contents has a text of %d bytes", ErrDamaged, n)
	}
	raw := make([]byte, 0, min(n, 64<<10))
	for len(raw) < n { // what it says is not believed: memory is taken as bytes come
		part := make([]byte, min(n-len(raw), 64<<10))
		if _, err := io.ReadFull(h.r, part); err != nil {
			return "", false, damaged("text", err)
		}
		raw = append(raw, part...)
	}
	return string(raw), true, nil
}

// damaged says that an archive ends in the middle of something. Another error of reading stays what it is.
func damaged(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends in the middle of its %s", ErrDamaged, what)
	}
	return fmt.Errorf("read archive: %s: %w", what, err)
}
