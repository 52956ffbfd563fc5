package audit

// Demand is what one process asks of a tenant's request budget.
type Demand struct {
	Tenant    string // GUID
	PerMinute int    // requests that Microsoft grants the tenant
	Asker     string // names the line in which the process's requests wait, among all lines of all processes
	Streams   int    // how many streams wait: what is their due before it is another line's turn
	Requests  int    // how many requests wait; more than Streams are granted only while no other line waits
	// Background requests come after all others, and get half of what those leave free at most.
	Background bool
}
