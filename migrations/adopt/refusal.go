package adopt

import (
	"fmt"

	"github.com/avenit/tenantry/tenants"
)

func refuse(fix, format string, args ...any) error {
	return &tenants.RefusedError{Message: fmt.Sprintf(format, args...), Fix: fix}
}
