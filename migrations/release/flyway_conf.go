package release

import (
	"regexp"
	"strings"
)

// flywayConf is what follows a script's name in that of its settings: V1__name.sql.conf.
const flywayConf = ".conf"

// readFlywayConf reads a script's own settings, where it has any, and reports whether Flyway puts values into its text.
func readFlywayConf(f folder, d *draft, found *problems) (replaces bool) {
	name := d.name + flywayConf
	text, there := f.text(name)
	replaces = true
	if !there {
		return replaces
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.ToLower(strings.TrimSpace(value))
		switch key + "=" + value {
		case "executeInTransaction=false":
			d.mode, d.control = statementwise, controlRefused
		case "executeInTransaction=true":
			d.mode = inTransaction
		case "placeholderReplacement=false":
			replaces = false
		case "placeholderReplacement=true", "encoding=utf-8", "encoding=utf8", "shouldExecute=true":
		default:
			found.add(name, i+1, "the setting "+key+"="+value+" is not known here",
				"executeInTransaction and placeholderReplacement are read; write into the script what the setting does")
		}
	}
	return replaces
}

var placeholder = regexp.MustCompile(`\$\{[^}\n]*\}`)

// refusePlaceholders finds what Flyway would put values in for. In comments they change nothing.
func refusePlaceholders(d draft, pieces []piece, found *problems) {
	for _, p := range pieces {
		for _, at := range placeholder.FindAllStringIndex(d.body[p.start:p.end], -1) {
			found.add(d.name, d.lineAt(p.start+at[0]), "the placeholder "+d.body[p.start+at[0]:p.start+at[1]]+
				" stands for a value that Flyway is told: the same release would differ from run to run",
				"write the value; where Flyway does not replace it, say placeholderReplacement=false in "+d.name+flywayConf)
		}
	}
}
