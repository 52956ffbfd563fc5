package audit

import "time"

// DocumentSwap changes a small opaque text that all instances share, such as an encrypted sign-in: New takes the place
// of Old, or nothing changes.
type DocumentSwap struct {
	Tenant string        // GUID
	Kind   string        // which of the tenant's documents, as "signin": letters and dashes
	Old    []byte        // what has to be stored; empty: nothing
	New    []byte        // what is stored afterwards; empty: nothing
	Keep   time.Duration // after which New is forgotten; 0: it stays
}
