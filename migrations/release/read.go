package release

import (
	"fmt"
	"io/fs"
)

// Options of Read. The zero value reads the root of the file system and finds the format out.
type Options struct {
	// Dir is the folder inside the file system. Defaults to ".".
	Dir string
	// Format reads the folder as this format, and leaves out the files by which others are known. Defaults to "": found
	// out from the files.
	Format Format
}

func (o Options) withDefaults() Options {
	if o.Dir == "" {
		o.Dir = "."
	}
	return o
}

// Read reads a folder of migrations, splits and classifies its statements and refuses what cannot be applied. Files
// other than *.sql, and sub-folders, are looked at only where the format has them. The error is an [Errors] with every problem found, or that of the
// file system. The first call in a process takes seconds: it compiles PostgreSQL's grammar.
func Read(fsys fs.FS, opts Options) (*Release, error) {
	opts = opts.withDefaults()
	var found problems
	folder, err := readFolder(fsys, opts.Dir, &found)
	if err != nil {
		return nil, err
	}
	layout, folder, ok := detect(folder, opts.Format, &found)
	if !ok {
		return nil, found.err()
	}
	if err := folder.readMore(layout, &found); err != nil {
		return nil, err
	}
	rel := &Release{Format: layout.format}
	for _, draft := range layout.drafts(folder, &found) {
		rel.Files = append(rel.Files, draft.file(&found))
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	if len(rel.Files) == 0 {
		found.add(opts.Dir, 0, "holds no migration of "+string(layout.format), formatsRead)
		return nil, found.err()
	}
	rel.Checksum = releaseChecksum(rel.Files)
	return rel, nil
}

// draft is a file whose own format has been understood: what is left is SQL.
type draft struct {
	version string
	name    string
	// body is the SQL to apply, line the file's line on which it begins.
	body string
	line int
	mode mode
	// control says what becomes of BEGIN and COMMIT.
	control control
	// toolTable is where the format's tool keeps its own history, "" when it does not matter.
	toolTable string
	// outside says in messages how a statement gets out of the file's transaction.
	outside string
	// inspect reports what the format refuses in the text of statements; nil refuses nothing.
	inspect func(draft, []piece, *problems)
}

// mode says whether a file runs in one transaction.
type mode int

const (
	// inTransaction: statements that cannot run in one are refused.
	inTransaction mode = iota
	// statementwise: each statement on its own.
	statementwise
	// byContent: statementwise when no statement can run in a transaction, else inTransaction.
	byContent
	// byNeed: statementwise when any statement cannot run in a transaction, else inTransaction.
	byNeed
)

// file splits the draft and judges its statements.
func (d draft) file(found *problems) File {
	parsed := d.uncontrolled(d.parse(found), found)
	d.mode = d.settle(parsed)
	file := File{Version: d.version, Name: d.name, Transactional: d.mode == inTransaction}
	for i, p := range parsed {
		if fault := d.judge(p); fault != nil {
			found.add(d.name, p.line, fault.reason, fault.fix)
		}
		file.Statements = append(file.Statements, Statement{
			No:         i + 1,
			Line:       p.line,
			SQL:        p.sql,
			Hash:       HashStatement(p.sql),
			Kind:       p.class.kind,
			Directives: p.directives,
			Alone:      p.class.aloneIn(d.mode),
		})
	}
	file.Checksum = fileChecksum(file)
	return file
}

// settle decides the mode of a file that does not say.
func (d draft) settle(statements []parsed) mode {
	alone := 0
	for _, p := range statements {
		if p.class.alone != nil {
			alone++
		}
	}
	switch {
	case d.mode != byContent && d.mode != byNeed:
		return d.mode
	case alone == 0, d.mode == byContent && alone < len(statements):
		return inTransaction
	default:
		return statementwise
	}
}

// parsed is one statement of a draft with its parse tree.
type parsed struct {
	sql   string
	line  int
	node  string
	tree  tree
	class class
	// directives stand before the statement.
	directives []Directive
}

// parse splits the body and reports what the grammar refuses.
func (d draft) parse(found *problems) []parsed {
	pieces, faults := splitAll(d.body)
	for _, fault := range faults {
		found.add(d.name, d.lineAt(fault.offset), fault.reason, fault.fix)
	}
	if len(pieces) > MaxStatements {
		found.add(d.name, 0, fmt.Sprintf("holds %d statements, %d are allowed in a file", len(pieces), MaxStatements), "split it into several files")
		pieces = nil
	}
	if d.inspect != nil {
		d.inspect(d, pieces, found)
	}
	statements := make([]parsed, 0, len(pieces))
	line, counted, ended := d.line, 0, 0
	for _, piece := range pieces {
		directives := d.directivesIn(ended, piece.start, found)
		ended = piece.end
		d.refuseLostDirectives(piece, found)
		line += countLines(d.body[counted:piece.start])
		counted = piece.start
		if piece.depth > maxDepth {
			continue
		}
		p := parsed{sql: d.body[piece.start:piece.end], line: line, directives: directives}
		var refused *parseError
		if p.node, p.tree, refused = inspect(p.sql); refused != nil {
			found.add(d.name, line, refused.message, "write the statement in simpler parts")
		}
		p.class = classify(p.node, p.tree)
		statements = append(statements, p)
	}
	if pieces != nil {
		d.refuseAimless(d.directivesIn(ended, len(d.body), found), found)
	}
	return statements
}

func (d draft) lineAt(offset int) int {
	return d.line + countLines(d.body[:offset])
}
