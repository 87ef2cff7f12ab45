package execute

import (
	"fmt"
	"strings"

	"github.com/avenit/tenantry/tenants"
)

func rightsFor(app, readOnly string) []string {
	sql := fmt.Sprintf(rightsSQL, tenants.Ident(app), tenants.Ident(readOnly))
	return strings.Split(strings.TrimSpace(sql), ";\n")
}
