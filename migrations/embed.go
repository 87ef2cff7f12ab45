package migrations

import "embed"

//go:embed control/*.sql
var controlFiles embed.FS

// Sample holds the sample product's migrations in the folder "tenant": what make demo and the tests publish.
//
//go:embed tenant/*.sql
var Sample embed.FS

// SampleNext holds, in the folder "tenant_next", what the sample product's next release adds: make demo brings it to a fleet.
//
//go:embed tenant_next/*.sql
var SampleNext embed.FS
