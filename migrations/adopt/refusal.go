package adopt

import (
	"fmt"

	"github.com/avenit/tenantry/tenants"
)

func refuse(fix, format string, args ...any) error {
	return &tenants.Refusal{Message: fmt.Sprintf(format, args...), Fix: fix}
}
