package release

import "strings"

// FlywayVersion gives a version as [File.Version] has it: underscores are dots, leading zeros and zeros at the end do not count.
func FlywayVersion(text string) string { return strings.Join(versionParts(text), ".") }

// CompareFlywayVersions compares two versions of [FlywayVersion] part by part, as numbers: 1.10 comes after 1.9.
func CompareFlywayVersions(a, b string) int {
	return compareParts(strings.Split(a, "."), strings.Split(b, "."))
}
