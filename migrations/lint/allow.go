package lint

import (
	"fmt"
	"strings"

	"github.com/avenit/tenantry/migrations/release"
)

// allow applies the statement's suppressions, "-- tenantry:allow RULE, RULE: reason". One without a reason or with a rule
// that there is not is an error of its own.
func (v *visit) allow(directives []release.Directive) {
	for _, directive := range directives {
		if directive.Name == release.DirectiveAllow {
			v.allowOne(directive)
		}
	}
}

const allowForm = "-- tenantry:allow RULE: why it is right here"

func (v *visit) allowOne(directive release.Directive) {
	rules, reason, _ := strings.Cut(directive.Argument, ":")
	reason = strings.TrimSpace(reason)
	if reason == "" {
		v.note("allow_without_reason", fmt.Sprintf("the suppression in line %d gives no reason", directive.Line), allowForm)
		return
	}
	for rule := range strings.SplitSeq(rules, ",") {
		v.allowRule(strings.TrimSpace(rule), reason, directive.Line)
	}
}

func (v *visit) allowRule(rule, reason string, line int) {
	if _, known := severities[rule]; !known || own[rule] {
		v.note("allow_unknown_rule", fmt.Sprintf("there is no rule %.80q to allow in line %d", rule, line), allowForm+"; docs/linting.md lists the rules")
		return
	}
	used := false
	for i := range v.out.Findings {
		if finding := &v.out.Findings[i]; finding.Rule == rule {
			finding.Allowed, used = reason, true
		}
	}
	// Nothing is found where everything is new: it says nothing about the suppression.
	if !used && !v.first && !v.every {
		v.note("allow_unused", fmt.Sprintf("the statement does not break %s, which line %d allows", rule, line), "delete the comment")
	}
}
