package main

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
)

func (a *app) nodeCommand() *cobra.Command {
	return group("node", "Add and look after the servers that hold tenants", a.nodeAdd(), a.nodeSet(), a.nodeList(), a.nodeShow(),
		a.nodeState("drain", tenants.NodeDraining, "Let a node take no new tenants"),
		a.nodeState("activate", tenants.NodeActive, "Let a drained node take tenants again"),
		a.nodeLost(), a.nodeRestore(), a.nodeReturn())
}

func (a *app) nodeAdd() *cobra.Command {
	var spec provision.NodeSpec
	var flags nodeFlags
	c := &cobra.Command{
		Use: "add NAME", Short: "Make a node out of a PostgreSQL server", Args: cobra.ExactArgs(1),
		Long: `Makes a node out of a PostgreSQL server (15 or newer), or brings one that was added before in line again. With the
administrator's URL it makes a provisioner that is no superuser (CREATEDB, CREATEROLE, pg_signal_backend,
pg_read_all_stats), revokes what PUBLIC may do in postgres and template1, and looks at the settings. Afterwards only the
provisioner's password is kept, sealed with TENANTRY_SECRET_KEY; the administrator's is kept nowhere.

Of a node that exists it changes what flags say and nothing else: without flags its settings stay, and one that drains goes on
draining. A provisioner whose stored password no key opens any more gets a new one.`,
		Example: "  tenantry node add eu1 --url postgres://postgres:secret@db1:5432/postgres --region eu --warm 5",
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			spec.Name = args[0]
			if spec.NodeChange, err = flags.change(c); err != nil {
				return err
			}
			if spec.AdminURL == "" {
				return usageError("--url is missing: a superuser's URL, such as postgres://postgres:secret@db1:5432/postgres")
			}
			if a.env.SecretKey == "" {
				return usageError("TENANTRY_SECRET_KEY is not set: the provisioner's password is sealed with it (tenantry key new makes one)")
			}
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			node, warnings, err := provision.Bootstrap(c.Context(), reg, spec)
			for _, w := range warnings {
				_, _ = fmt.Fprintln(a.err, "warning:", w)
			}
			if err != nil {
				return fmt.Errorf("add node %s: %w", spec.Name, err)
			}
			return a.showNode(node)
		},
	}
	f := c.Flags()
	f.StringVar(&spec.AdminURL, "url", "", "a superuser's `URL` of the server; used once, kept nowhere")
	f.BoolVar(&spec.NewPassword, "new-password", false, "give the provisioner of a node that exists a new password")
	flags.define(c, "; 60 % of the server's if not given")
	return c
}

func (a *app) nodeSet() *cobra.Command {
	var flags nodeFlags
	c := &cobra.Command{
		Use: "set NAME", Short: "Change what is known of a node", Args: cobra.ExactArgs(1),
		Long: `Changes what flags say about a node, in the control database only: it needs no superuser's URL and does not contact the server.
Workers follow within seconds. Of a warm pool that is larger than its new target, the newest databases are dropped.`,
		Example: "  tenantry node set eu1 --warm 10 --label disk=nvme --label trial-",
		RunE: func(c *cobra.Command, args []string) error {
			change, err := flags.change(c)
			if err != nil {
				return err
			}
			if reflect.DeepEqual(change, tenants.NodeChange{}) {
				return usageError("nothing to change: give one of the flags of tenantry node set --help")
			}
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			node, err := reg.Node(c.Context(), args[0])
			if err != nil {
				return err
			}
			if node, err = reg.ChangeNode(c.Context(), node.ID, change); err != nil {
				return err
			}
			return a.showNode(node)
		},
	}
	flags.define(c, "")
	return c
}

func (a *app) showNode(n tenants.Node) error {
	if a.json() {
		return a.printJSON(n)
	}
	a.printf("node %s is %s: PostgreSQL %d.%d, at most %d connections, %d databases kept warm\n", n.Name, n.State,
		n.ServerVersion/10000, n.ServerVersion%10000, n.MaxConnections, n.WarmTarget)
	return nil
}

// nodeFlags are the flags that say something of a node. Only those that were given change it.
type nodeFlags struct {
	url, pooler, region              string
	labels                           []string
	maxConnections, maxTenants, warm int
}

func (n *nodeFlags) define(c *cobra.Command, connections string) {
	f := c.Flags()
	f.StringVar(&n.url, "worker-url", "", "how workers and applications reach the server, if not as its administrator does (`URL` without user)")
	f.StringVar(&n.pooler, "pooler-url", "", "where applications connect instead, such as a PgBouncer (`URL` without user); empty is directly")
	f.StringVar(&n.region, "region", "", "the node's region")
	f.StringArrayVar(&n.labels, "label", nil, "a label `k=v` of the node, added or replaced; k- removes it")
	f.IntVar(&n.maxConnections, "max-connections", 0, "connections that all workers together may hold"+connections)
	f.IntVar(&n.maxTenants, "max-tenants", 0, "most tenants it takes; 0 is no limit")
	f.IntVar(&n.warm, "warm", 0, "databases kept ready for new tenants")
}

func (n *nodeFlags) change(c *cobra.Command) (tenants.NodeChange, error) {
	var change tenants.NodeChange
	var err error
	if len(n.labels) > 0 {
		if change.Labels, change.RemoveLabels, err = parseLabelChanges("label", n.labels); err != nil {
			return change, err
		}
	}
	given(c, "worker-url", &change.URL, &n.url)
	given(c, "pooler-url", &change.PoolerURL, &n.pooler)
	given(c, "region", &change.Region, &n.region)
	given(c, "max-connections", &change.MaxConnections, &n.maxConnections)
	given(c, "max-tenants", &change.MaxTenants, &n.maxTenants)
	given(c, "warm", &change.WarmTarget, &n.warm)
	checked := change
	if c.Name() == "add" && n.maxConnections == 0 {
		checked.MaxConnections = nil // a share of the server's
	}
	if err := checked.Normalize(); err != nil {
		return change, usageError("--%w", err)
	}
	return change, nil
}

func given[T any](c *cobra.Command, flag string, to **T, value *T) {
	if c.Flags().Changed(flag) {
		*to = value
	}
}

type nodeView struct {
	tenants.Node
	Use tenants.NodeUse `json:"use"`
}

func (a *app) nodeViews(c *cobra.Command) ([]nodeView, error) {
	reg, err := a.registry(c.Context())
	if err != nil {
		return nil, err
	}
	nodes, err := reg.Nodes(c.Context())
	if err != nil {
		return nil, err
	}
	uses, err := reg.NodeUses(c.Context())
	if err != nil {
		return nil, err
	}
	views := make([]nodeView, len(nodes))
	for i, n := range nodes {
		views[i] = nodeView{n, uses[n.ID]}
	}
	return views, nil
}

func (a *app) nodeList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List nodes and what they hold", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			views, err := a.nodeViews(c)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(views)
			}
			rows := make([][]string, len(views))
			for i, v := range views {
				most := "no limit"
				if v.MaxTenants != nil {
					most = strconv.Itoa(*v.MaxTenants)
				}
				rows[i] = []string{
					v.Name, v.State, v.Region, strconv.Itoa(v.Use.Tenants), most, fmt.Sprintf("%d of %d", v.Use.Warm, v.WarmTarget),
					strconv.Itoa(v.MaxConnections), labelText(v.Labels), v.URL,
				}
			}
			table(a.out, []string{"NODE", "STATE", "REGION", "TENANTS", "MOST", "WARM", "CONNECTIONS", "LABELS", "URL"}, rows)
			return nil
		},
	}
}

func (a *app) nodeShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a node", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			views, err := a.nodeViews(c)
			if err != nil {
				return err
			}
			for _, v := range views {
				if v.Name == args[0] || v.ID == args[0] {
					return a.printJSON(v)
				}
			}
			return fmt.Errorf("node %q: %w", args[0], tenants.ErrNoNode)
		},
	}
}

func (a *app) nodeState(verb, state, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			node, err := reg.Node(c.Context(), args[0])
			if err != nil {
				return err
			}
			if node.State == tenants.NodeAdding {
				return fmt.Errorf("node %s was never added completely: run tenantry node add %s again", node.Name, node.Name)
			}
			if node, err = reg.SetNodeState(c.Context(), node.ID, state); err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(node)
			}
			a.printf("node %s is %s\n", node.Name, node.State)
			return nil
		},
	}
}
