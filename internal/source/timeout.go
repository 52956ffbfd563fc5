package source

import "time"

// WithTimeout returns a client that waits for answers as long as d says instead of Config.Timeout. It shares everything
// else with c, connections and the tenant's request budget above all; closing it closes both.
func (c *Client) WithTimeout(d time.Duration) *Client {
	other := *c
	other.timeout, other.patience = d, newPatience(d)
	return &other
}
