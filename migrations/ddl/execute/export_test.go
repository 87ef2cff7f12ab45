package execute

// FlushSQL is the smallest transaction whose commit waits for the disk.
var FlushSQL = flush.SQL
