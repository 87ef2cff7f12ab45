package gentle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Command is one SQL command of an exchange.
type Command struct {
	SQL string
	// Args are given as text.
	Args []string
	// Cut ends what shares one fate: without it, the commands after a refused one are skipped.
	Cut bool
	// Keep keeps the rows that come back.
	Keep bool
	// Plan keeps the command's plan in the session where the connection is kept ([Options.Kept]), for the next time: planning a query of the
	// catalog costs more than running it. The SQL must be the same each time.
	Plan bool
	// Live asks for the answer as soon as it is there, for progress and durations.
	Live bool
}

// Reply is what came back for one command.
type Reply struct {
	Tag pgconn.CommandTag
	// Rows of a command that keeps them, as text; a field is nil for NULL.
	Rows [][][]byte
	// At is when it came.
	At time.Time
	// Err is the server's refusal, or that a command before this one was refused.
	Err error
}

// Text returns a field of the first row, "" for NULL or when there is no row.
func (r Reply) Text(column int) string {
	if len(r.Rows) == 0 {
		return ""
	}
	return string(r.Rows[0][column])
}

// errSkipped is the reply to a command behind a refused one.
var errSkipped = errors.New("skipped: a command before it was refused")

// Exchange is a round trip over a connection that no [Session] is open on, such as one that only looks. The error is the
// connection's; the server's refusals are in the replies.
func Exchange(ctx context.Context, conn *pgx.Conn, commands []Command) ([]Reply, error) {
	return exchange(ctx, conn.PgConn(), commands, nil, nil)
}

// exchange sends commands in one round trip and collects the replies, one for each command. Commands up to a cut share
// one implicit transaction unless they hold BEGIN. The error is the connection's: it is lost then, and what took effect
// is not known. The server's refusals are in the replies. seen is called as replies arrive; plans are those of the session; both may be nil.
func exchange(ctx context.Context, conn *pgconn.PgConn, commands []Command, plans map[string]bool, seen func(i int, r Reply)) ([]Reply, error) {
	pipeline := conn.StartPipeline(ctx)
	planned := map[int]bool{} // commands that are preceded by their planning
	sent := map[string]bool{} // and what was planned there
	for i, c := range commands {
		if plans == nil || !c.Plan {
			pipeline.SendQueryParams(c.SQL, parameters(c.Args), nil, nil, nil)
		} else {
			name := planName(c.SQL)
			if !plans[name] && !sent[name] {
				sent[name], planned[i] = true, true
				pipeline.SendPrepare(name, c.SQL, nil)
			}
			pipeline.SendQueryPrepared(name, parameters(c.Args), nil, nil)
		}
		switch {
		case endsPart(commands, i):
			pipeline.SendPipelineSync()
		case c.Live:
			pipeline.SendFlushRequest()
		}
	}
	replies, err := collect(pipeline, commands, func(i int) error {
		if !planned[i] {
			return nil
		}
		_, err := pipeline.GetResults()
		if err == nil {
			plans[planName(commands[i].SQL)] = true
		}
		return err //nolint:wrapcheck // a refusal is the command's own
	}, seen)
	if closeErr := pipeline.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return replies, fmt.Errorf("connection lost: %w", err)
	}
	return replies, nil
}

// endsPart reports whether the command is the last of those that share one fate.
func endsPart(commands []Command, i int) bool {
	return commands[i].Cut || i == len(commands)-1
}

func parameters(args []string) [][]byte {
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = []byte(arg)
	}
	return values
}

func collect(pipeline *pgconn.Pipeline, commands []Command, planned func(int) error, seen func(int, Reply)) ([]Reply, error) {
	replies := make([]Reply, len(commands))
	for i := range replies {
		replies[i].Err = errSkipped
	}
	if err := pipeline.Flush(); err != nil {
		return replies, err //nolint:wrapcheck // exchange wraps it.
	}
	refused := false
	for i, c := range commands {
		if !refused {
			r, err := next(pipeline, c, planned(i))
			if err != nil {
				return replies, err
			}
			replies[i] = r
			refused = r.Err != nil
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

// next reads the reply to one command; err is that of its planning.
func next(pipeline *pgconn.Pipeline, c Command, err error) (Reply, error) {
	var result any
	if err == nil {
		result, err = pipeline.GetResults()
	}
	if refusal, err := asRefusal(err); refusal != nil || err != nil {
		return Reply{Err: refusal, At: time.Now()}, err
	}
	reader, ok := result.(*pgconn.ResultReader)
	if !ok {
		return Reply{}, fmt.Errorf("a %T where a result was due", result)
	}
	var r Reply
	if c.Keep {
		read := reader.Read()
		r.Rows, r.Tag, err = read.Rows, read.CommandTag, read.Err
	} else {
		r.Tag, err = reader.Close()
	}
	r.At = time.Now()
	r.Err, err = asRefusal(err)
	return r, err
}

// finishPart reads the end of a part. A refusal that comes only now, such as that of a deferred constraint, is the last
// command's.
func finishPart(pipeline *pgconn.Pipeline, last *Reply) error {
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
		case last.Err == nil:
			last.Err = refusal
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

// IsRefusal reports whether the error is the server's refusal, after which the connection goes on.
func IsRefusal(err error) bool {
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
