package poolcache

// node returns the node of that name, making it at its first use.
func (c *Cache) node(name string) *node {
	c.nodesMu.Lock()
	defer c.nodesMu.Unlock()
	n := c.nodes[name]
	if n == nil {
		n = &node{
			name: name, cache: c, budget: c.cfg.NodeBudget, reserve: c.cfg.NodeReserve, conns: map[*socket]struct{}{},
			gate: &gate{node: name, clock: c.cfg.Clock, log: c.log, breaker: breaker{
				threshold: c.cfg.BreakerFailures, min: c.cfg.BreakerMin, max: c.cfg.BreakerMax,
				dials: c.cfg.NodeDials, state: BreakerClosed,
			}},
		}
		c.nodes[name] = n
	}
	return n
}

func (c *Cache) allNodes() []*node {
	c.nodesMu.Lock()
	defer c.nodesMu.Unlock()
	nodes := make([]*node, 0, len(c.nodes))
	for _, n := range c.nodes {
		nodes = append(nodes, n)
	}
	return nodes
}

// SetBudget sets how many connections this process may have on node, from now on. Idle ones that are too many are
// closed at once, others when they are released. Zero makes every dial wait.
func (c *Cache) SetBudget(node string, connections int) { c.node(node).setBudget(connections) }
