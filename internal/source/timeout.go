package source

import "time"

// WithTimeout returns a client that waits for answers as long as d says instead of Config.Timeout. It shares everything
// else with c, connections and the tenant's request budget above all; closing it closes both.
func (c *Client) WithTimeout(d time.Duration) *Client {
	return &Client{
		tenant: c.tenant, timeout: d, address: c.address, http: c.http, tokens: c.tokens, meter: c.meter, clock: c.clock,
		budget: c.budget, patience: newPatience(d),
	}
}
