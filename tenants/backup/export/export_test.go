package export

// What tests outside look at.
var (
	Split        = split
	Unrestricted = unrestricted
)

// FileNames gives the names of the files of tables, which are pairs of schema and table.
func FileNames(tables ...[2]string) []string {
	n := names{}
	list := make([]string, len(tables))
	for i, t := range tables {
		list[i] = n.of(t[0], t[1])
	}
	return list
}
