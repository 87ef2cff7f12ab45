// Package archive reads what pg_dump writes in its custom format, while it passes by: the table of contents, and of every table how many rows were
// dumped and what they add up to. It knows nothing of databases.
//
//	pg_dump -Fc -Z0 ──► Read ──► TOC, then Contents
//
// The format is that of PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c (WriteHead, WriteToc) and pg_backup_custom.c (_StartData, _CustomWriteFunc).
// Archives of the versions 1.14 (PostgreSQL 12 to 15), 1.15 (16) and 1.16 (17 and 18) are read; others are refused, because a sum of what is not
// understood proves nothing.
//
// # Sums
//
// A table's sum is the sum modulo 2⁶⁴ of the XXH64 of its rows, each as COPY writes it in text: it does not depend on the order of rows, counts
// duplicates, and can be had again from the restored table with COPY … TO STDOUT ([Lines]). It finds rows that are lost, doubled or changed by accident.
// It is no signature: who wants to deceive can make two rows that add up to the same, so the object's SHA-256 stands beside it.
package archive
