package stage

import "syscall"

// With returns the same stage, whose instances that are started from now on know other tenants; YAML as in Parts.
func (s *Stage) With(tenants string) *Stage {
	other := *s
	other.parts.Tenants = tenants
	return &other
}

// Delivering returns the same stage, whose instances that are started from now on deliver like this.
func (s *Stage) Delivering(delivery string) *Stage {
	other := *s
	other.parts.Delivery = delivery
	return &other
}

// Reaching returns the same stage, whose instances that are started from now on reach Kafka like this; YAML as in
// Parts.Access.
func (s *Stage) Reaching(access string) *Stage {
	other := *s
	other.parts.Access = access
	return &other
}

// Signal sends the process a signal and does not wait, as for SIGSTOP and SIGCONT.
func (c *Connector) Signal(signal syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		c.t.Fatalf("%s: %s: %v", c.Instance, signal, err)
	}
}
