package export

import (
	"fmt"
	"strings"
	"time"
)

const readmeText = `Export of %[1]s
taken %[2]s, from PostgreSQL %[3]d.%[4]d

This is everything that the database of %[1]s held at that moment. All formats are open; no program of ours is needed to read them.

FILES

schema.pre-data.sql      SQL that makes schemas, types, functions and tables, as pg_dump %[5]s writes it.
schema.post-data.sql     SQL that makes indexes, keys, triggers and rules: run it after the rows are loaded.
data/                    A file of rows for each table: data/<schema>.<table>.%[6]s. In names, everything but letters, digits, _ and - is
                         written as %% and two hexadecimal digits. manifest.json has each file's schema, table and columns.
sequences.json           Where each sequence stands. When is_called is false, last_value is what comes next.
%[7]sforms.json               The forms that were built: labels, fields, and the table and column in which each is.
%[8]sinternal/                Tenantry's own records. Nobody else needs them.
manifest.json            Every file with its size and its SHA-256, its table, columns and number of rows. body is the manifest; signature is of
                         the installation that made this.

Generated columns are not in the rows: the database computes them.

ROWS

%[9]s
LOADING THEM ELSEWHERE

%[10]s
CHECKSUMS

    jq -r '.body.files[] | .sha256 + "  " + .path' manifest.json | sha256sum -c
`

const csvText = `CSV as RFC 4180 and PostgreSQL have it: UTF-8, commas, lines end with a line feed, the first line has the columns' names. A value that has a comma, a
quote or a line break is in double quotes, and a quote in it is doubled. Nothing between two commas is NULL; "" is an empty text. Times are ISO 8601 in
UTC, binary data is \x and hexadecimal digits, true and false are t and f, arrays and composite values are PostgreSQL's own text.
`

const ndjsonText = `NDJSON: UTF-8, a JSON object a line, a member for each column. NULL is null. A text is PostgreSQL's own text of the value, of whatever type. What JSON has an
exact form for has that form instead: true and false; numbers with all their digits, so read numeric and bigint with a program that does not turn them into
floating point; arrays; and in columns of json and jsonb what is there. NaN, infinity, arrays that do not begin at 1, and in such columns texts, null and what has line
breaks, are texts: "null" there is JSON's null. Times are ISO 8601 in UTC, binary data is \x and hexadecimal digits.
`

const parquetText = `Apache Parquet, for data tools, compressed with zstd. Every column may be NULL.

    boolean, smallint, integer, bigint, real, double precision   the same
    numeric(p,s) with up to 38 digits                            DECIMAL(p,s)
    date                                                         DATE
    timestamp, timestamp with time zone                          TIMESTAMP in microseconds, without and with isAdjustedToUTC
    time                                                         TIME in microseconds
    uuid                                                         UUID
    bytea                                                        bytes
    json, jsonb                                                  JSON
    all others, such as numeric without limits, arrays,          STRING, with PostgreSQL's own text of the value
      intervals, ranges and composite values

A column that holds a value its type has no place for here is a STRING column in this export: NaN in numeric(p,s), infinity or a year before 1 or after 9999 in dates
and timestamps, 24:00 in times. A table without columns is a file without rows; manifest.json says how many it has.
`

const csvLoading = `With PostgreSQL, in the folder of these files:

    createdb copy
    psql -d copy -f load.sql

Extensions that schema.pre-data.sql names must be installed there. psql must be of a current minor version; before PostgreSQL 18 it takes a line that is
nothing but \. in a text for the end of the file.
`

const ndjsonLoading = `With PostgreSQL run schema.pre-data.sql, then load each file's lines, for instance into a table of one json column, and from there with
json_populate_record(NULL::schema.table, line), then run schema.post-data.sql. In columns of json and jsonb take (line ->> 'column')::json. Ask for an export as csv
for files that load as they are.
`

const parquetLoading = `With DuckDB, for instance:

    SELECT * FROM 'data/public.customers.parquet';

Ask for an export as csv for files that load into PostgreSQL as they are.
`

// readme tells a customer what the export is.
func readme(m Manifest, objects bool) string {
	rows, loading, script := csvText, csvLoading, "load.sql                 Loads all of this with psql.\n"
	switch m.RowFormat {
	case NDJSON:
		rows, loading, script = ndjsonText, ndjsonLoading, ""
	case Parquet:
		rows, loading, script = parquetText, parquetLoading, ""
	}
	large := ""
	if objects {
		large = "large_objects.json       The large objects; what each holds is in large_objects/<oid>. load.sql does not load them.\n"
	}
	const major = 10_000
	return fmt.Sprintf(readmeText, strings.ToValidUTF8(m.Slug, ""), m.At.Format(time.RFC3339), m.Server/major, m.Server%major, m.Client, m.RowFormat,
		large, script, rows, loading)
}
