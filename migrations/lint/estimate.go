package lint

import "github.com/avenit/tenantry/tenants"

// What one machine did, in bytes and rows a second: PostgreSQL 15 on 2 shared and busy cores, fsync on, a table of 2 million
// rows and 300 MB with two indexes, in memory (BenchmarkWork measures it again). They give an order of magnitude and no
// promise: disks, indexes and load make more of a difference than what is counted here.
const (
	rewriteBytes = 8e6 // of the table with its indexes, which are built anew
	scanBytes    = 400e6
	buildRows    = 120e3
	changeRows   = 27e3
	// rowBytes stands in for the rows of a table that was never analyzed.
	rowBytes = 100
)

// sizes are the fleet's largest tables by name.
type sizes map[name]tenants.LargestTable

func newSizes(list []tenants.LargestTable) sizes {
	byName := sizes{}
	for _, table := range list {
		byName[name{table.Schema, table.Table}] = table
	}
	return byName
}

// estimate returns how long work takes on the largest table of a name, nil when its size is not known.
func (s sizes) estimate(n name, kind Work) *Estimate {
	table, known := s[n]
	if !known {
		return nil
	}
	rows := float64(table.Rows)
	if rows == 0 {
		rows = float64(table.Bytes) / rowBytes
	}
	seconds := map[Work]float64{
		Rewrites: float64(table.Bytes) / rewriteBytes,
		Scans:    float64(table.Bytes) / scanBytes,
		Builds:   rows / buildRows,
		Changes:  rows / changeRows,
	}[kind]
	return &Estimate{Seconds: seconds, Tenant: table.Tenant, Rows: table.Rows, Bytes: table.Bytes}
}
