package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// command is one SQL command of an exchange.
type command struct {
	sql string
	// args are given as text.
	args []string
	// cut ends what shares one fate: without it, the commands after a refused one are skipped.
	cut bool
	// keep keeps the rows that come back.
	keep bool
	// live asks for the answer as soon as it is there, for progress and durations.
	live bool
}

// reply is what came back for one command.
type reply struct {
	tag  pgconn.CommandTag
	rows [][][]byte
	// at is when it came.
	at time.Time
	// err is the server's refusal, or errSkipped.
	err error
}

// text returns a field of the first row, "" for NULL or when there is no row.
func (r reply) text(column int) string {
	if len(r.rows) == 0 {
		return ""
	}
	return string(r.rows[0][column])
}

// errSkipped is the reply to a command behind a refused one.
var errSkipped = errors.New("skipped: a command before it was refused")

// exchange sends commands in one round trip and collects the replies, one for each command. Commands up to a cut share
// one implicit transaction unless they hold BEGIN. The error is the connection's: it is lost then, and what took effect
// is not known. The server's refusals are in the replies. seen is called as replies arrive; it may be nil.
func exchange(ctx context.Context, conn *pgconn.PgConn, commands []command, seen func(i int, r reply)) ([]reply, error) {
	pipeline := conn.StartPipeline(ctx)
	for i, c := range commands {
		pipeline.SendQueryParams(c.sql, parameters(c.args), nil, nil, nil)
		switch {
		case endsPart(commands, i):
			pipeline.SendPipelineSync()
		case c.live:
			pipeline.SendFlushRequest()
		}
	}
	replies, err := collect(pipeline, commands, seen)
	if closeErr := pipeline.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return replies, fmt.Errorf("connection lost: %w", err)
	}
	return replies, nil
}

// endsPart reports whether the command is the last of those that share one fate.
func endsPart(commands []command, i int) bool {
	return commands[i].cut || i == len(commands)-1
}

func parameters(args []string) [][]byte {
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = []byte(arg)
	}
	return values
}

func collect(pipeline *pgconn.Pipeline, commands []command, seen func(int, reply)) ([]reply, error) {
	replies := make([]reply, len(commands))
	for i := range replies {
		replies[i].err = errSkipped
	}
	if err := pipeline.Flush(); err != nil {
		return replies, err //nolint:wrapcheck // exchange wraps it.
	}
	refused := false
	for i, c := range commands {
		if !refused {
			r, err := next(pipeline, c)
			if err != nil {
				return replies, err
			}
			replies[i] = r
			refused = r.err != nil
			if seen != nil {
				seen(i, r)
			}
		}
		if endsPart(commands, i) {
			if err := finishPart(pipeline, &replies[i]); err != nil {
				return replies, err
			}
			refused = false
		}
	}
	return replies, nil
}

// next reads the reply to one command.
func next(pipeline *pgconn.Pipeline, c command) (reply, error) {
	result, err := pipeline.GetResults()
	if refusal, err := asRefusal(err); refusal != nil || err != nil {
		return reply{err: refusal, at: time.Now()}, err
	}
	reader, ok := result.(*pgconn.ResultReader)
	if !ok {
		return reply{}, fmt.Errorf("a %T where a result was due", result)
	}
	var r reply
	if c.keep {
		read := reader.Read()
		r.rows, r.tag, err = read.Rows, read.CommandTag, read.Err
	} else {
		r.tag, err = reader.Close()
	}
	r.at = time.Now()
	r.err, err = asRefusal(err)
	return r, err
}

// finishPart reads the end of a part. A refusal that comes only now, such as that of a deferred constraint, is the last
// command's.
func finishPart(pipeline *pgconn.Pipeline, last *reply) error {
	for {
		result, err := pipeline.GetResults()
		if _, ended := result.(*pgconn.PipelineSync); ended {
			return nil
		}
		refusal, err := asRefusal(err)
		switch {
		case err != nil:
			return err
		case refusal == nil:
			return fmt.Errorf("a %T where the end of a part was due", result)
		case last.err == nil:
			last.err = refusal
		}
	}
}

// asRefusal tells the server's refusal of a command, after which the connection goes on, from the loss of the connection.
func asRefusal(err error) (refusal, lost error) {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && !isFatal(pgErr) {
		return pgErr, nil
	}
	return nil, err
}

// isRefusal reports whether the connection goes on after the error.
func isRefusal(err error) bool {
	refusal, _ := asRefusal(err)
	return refusal != nil
}

// isFatal reports whether the server ended the session with the error.
func isFatal(pgErr *pgconn.PgError) bool {
	severity := pgErr.SeverityUnlocalized
	if severity == "" {
		severity = pgErr.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}
