package release

import (
	"regexp"
	"strings"
)

// gooseLine finds a line that goose takes for an annotation: a comment with +goose anywhere in it.
var gooseLine = regexp.MustCompile(`(?m)^[ \t]*--.*\+goose.*$`)

// gooseEvidence lists the files with an annotation. The others then lack theirs.
func gooseEvidence(f folder) []string {
	var files []string
	for _, src := range f.sources {
		if gooseLine.MatchString(src.text) {
			files = append(files, src.name)
		}
	}
	return files
}

func gooseDrafts(f folder, found *problems) []draft {
	refuseGoMigrations(f, found)
	files := numbered(f, found)
	drafts := make([]draft, 0, len(files))
	for _, file := range files {
		drafts = append(drafts, gooseDraft(file, found))
	}
	return drafts
}

// gooseDraft cuts a file's Up section out. The annotations within it become blanks of the same length, so that they
// are no part of any statement and lines and offsets stay what they are.
func gooseDraft(file numberedSource, found *problems) draft {
	scan := gooseScan{name: file.name, found: found, mode: inTransaction}
	text := []byte(file.text)
	line, counted := 1, 0
	for _, at := range gooseLine.FindAllStringIndex(file.text, -1) {
		line += countLines(file.text[counted:at[0]])
		counted = at[0]
		scan.annotation(file.text[at[0]:at[1]], line, at)
		for i := at[0]; i < at[1]; i++ {
			text[i] = ' '
		}
	}
	up, end := scan.finish(len(text))
	if stray := firstStatement(file.text[:up]); stray >= 0 {
		found.add(file.name, 1+countLines(file.text[:stray]), `a statement stands before "-- +goose Up"`, `move "-- +goose Up" above it`)
	}
	for _, at := range directiveLine.FindAllStringIndex(file.text[:up], -1) {
		found.add(file.name, 1+countLines(file.text[:at[1]]), `a directive stands before "-- +goose Up"`, "put it before the statement that it is about")
	}
	return draft{
		version: file.version(),
		name:    file.name,
		body:    string(text[up:end]),
		line:    1 + countLines(file.text[:up]),
		mode:    scan.mode,
		outside: `put "-- +goose NO TRANSACTION" at the top of the file`,
	}
}

// firstStatement returns the offset of the first thing that is neither blank nor a comment, -1 when there is none.
func firstStatement(text string) int {
	if at := skipLead(text, 0); at < len(text) {
		return at
	}
	return -1
}

// gooseScan follows goose's own state machine over the annotations of one file.
type gooseScan struct {
	name  string
	found *problems
	mode  mode

	hasUp, hasDown bool
	up, end        int
	// open is the line of a StatementBegin without its end, 0 when there is none.
	open int
}

func (s *gooseScan) refuse(line int, reason, fix string) {
	s.found.add(s.name, line, reason, fix)
}

// annotation takes one annotation line; at is where it stands in the file.
func (s *gooseScan) annotation(text string, line int, at []int) {
	if strings.TrimLeft(text, " \t") != text {
		s.refuse(line, "the goose annotation is indented, which goose refuses", "move it to the beginning of the line")
	}
	_, word, _ := strings.Cut(text, "+goose")
	word = strings.ToUpper(strings.TrimSpace(strings.ReplaceAll(word, "--", "")))
	switch word {
	case "UP":
		s.takeUp(line, at)
	case "DOWN":
		s.takeDown(line, at)
	case "STATEMENTBEGIN":
		s.takeBegin(line)
	case "STATEMENTEND":
		if s.open == 0 {
			s.refuse(line, `"StatementEnd" without a "StatementBegin" before it`, "delete it or add the beginning")
		}
		s.open = 0
	case "NO TRANSACTION":
		s.mode = statementwise
	case "ENVSUB ON":
		s.refuse(line, "ENVSUB puts environment variables into SQL: the same release would differ from worker to worker",
			"write the value into the file")
	case "ENVSUB OFF":
	default:
		s.refuse(line, "goose knows no such annotation", "use Up, Down, StatementBegin, StatementEnd or NO TRANSACTION")
	}
}

func (s *gooseScan) takeUp(line int, at []int) {
	if s.hasUp || s.hasDown {
		s.refuse(line, `a second "-- +goose Up", or one after "-- +goose Down"`, "keep one Up section, first")
		return
	}
	s.hasUp, s.up = true, at[1]
}

func (s *gooseScan) takeDown(line int, at []int) {
	s.closeStatement()
	switch {
	case !s.hasUp:
		s.refuse(line, `"-- +goose Down" without "-- +goose Up" before it`, "write the Up section first")
	case s.hasDown:
		s.refuse(line, `a second "-- +goose Down"`, "keep one Down section, last")
		return
	}
	s.hasDown, s.end = true, at[0]
}

func (s *gooseScan) takeBegin(line int) {
	s.closeStatement()
	if !s.hasUp {
		s.refuse(line, `"StatementBegin" before "-- +goose Up"`, "write the Up section first")
	}
	s.open = line
}

// closeStatement refuses a StatementBegin that is still open where it may not be.
func (s *gooseScan) closeStatement() {
	if s.open > 0 {
		s.refuse(s.open, `"StatementBegin" without a "StatementEnd"`, "add the end after the statement")
	}
	s.open = 0
}

// finish returns where the Up section begins and ends.
func (s *gooseScan) finish(size int) (up, end int) {
	s.closeStatement()
	if !s.hasUp {
		if !s.hasDown {
			s.refuse(0, `has no "-- +goose Up"`, "add it above the statements, as in the folder's other files")
		}
		return 0, 0
	}
	if !s.hasDown {
		return s.up, size
	}
	return s.up, s.end
}
