package migrations

import "embed"

//go:embed control/*.sql
var controlFiles embed.FS

// Sample holds the sample product's migrations in the folder "tenant": what make demo and the tests publish.
//
//go:embed tenant/*.sql
var Sample embed.FS
