package jobs

// Schema is where River's tables live in the control database.
const Schema = "river"

// Queues by class of work, so that one class cannot starve another.
const (
	QueueProvision = "provision"
	QueueMigrate   = "migrate"
	QueueDDL       = "ddl"
	QueueBackup    = "backup"
	QueueFanout    = "fanout"
	QueueDefault   = "default"
)

// Queues lists every queue, in the order in which they are shown.
func Queues() []string {
	return []string{QueueProvision, QueueMigrate, QueueDDL, QueueBackup, QueueFanout, QueueDefault}
}

// Delivery is the arguments of every River job: which operation to run. What was asked stands in the ledger; River UI shows
// arguments to whoever may look, so there is nothing in them but ids.
type Delivery struct {
	OperationID string `json:"operation_id"`
	TenantID    string `json:"tenant_id,omitempty"`

	kind string
}

// DeliveryOf is the Delivery that stands for a kind when its worker is registered.
func DeliveryOf(kind string) Delivery { return Delivery{kind: kind} }

// Kind is River's kind, the same as the operation's.
func (d Delivery) Kind() string { return d.kind }
