package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// cloudHosts are Microsoft's hosts by cloud, written down here once more: the API's and the login host.
var cloudHosts = map[string][2]string{
	"enterprise": {"manage.office.com", "login.microsoftonline.com"},
	"gcc":        {"manage-gcc.office.com", "login.microsoftonline.com"},
	"gcc-high":   {"manage.office365.us", "login.microsoftonline.us"},
	"dod":        {"manage.protection.apps.mil", "login.microsoftonline.us"},
	"china":      {"manage.office365.cn", "login.partner.microsoftonline.cn"},
}

// One daemon reads a tenant for each method in each cloud. Its requests go to Microsoft's own host names, which a proxy
// leads to the emulator; tokens are so short-lived that each tenant needs several.
func TestEachMethodSignsInToEachCloud(t *testing.T) {
	var tenants []emulator.Tenant
	var people []int
	entries := map[string]map[string]any{}
	names := map[string]bool{}
	for i, cloud := range slices.Sorted(maps.Keys(cloudHosts)) {
		names[cloudHosts[cloud][0]], names[cloudHosts[cloud][1]] = true, true
		for j, m := range append(methods(), managedMethod(guid(9, i))) {
			one := emulator.Tenant{ID: guid(i+1, j)}
			m.tenant(&one)
			if m.person {
				people = append(people, len(tenants))
			}
			tenants = append(tenants, one)
			entries[one.ID] = map[string]any{"cloud": cloud, "name": cloud + "-" + m.name, "base_url": "", "authority": ""}
			maps.Copy(entries[one.ID], m.auth(t))
		}
	}
	c := play(t, setup{
		wait: true, tenant: entries,
		api:      emulator.Config{Tenants: tenants, ContentTypes: []string{emulator.General}, Rate: 50, RecordsPerBlob: 10, TokenLifetime: 4 * time.Second},
		settings: map[string]any{"source.proxy": true, "source.ca_file": "ca", "source.poll_interval": "1s"},
	})
	address, caFile := serveTLS(t, c.requests, slices.Collect(maps.Keys(names)))
	detour.lead(address)
	for i := range c.config.Tenants {
		c.config.Tenants[i].Source.CAFile = caFile
	}
	for i := range len(cloudHosts) {
		metadataServices.byClient.Store(guid(9, i), c.requests)
	}
	for _, i := range people {
		if err := c.signInTo(i); err != nil {
			t.Fatal(err)
		}
	}
	c.run()
	c.offersFor(9 * time.Second)
	c.delivers(30 * time.Second)
	stats := c.api.Stats()
	for id, entry := range entries {
		if n := stats.TokensIssued[id]; n < 2 || n > 12 {
			t.Errorf("%s: %d tokens in about 10 s, want 2 to 12", entry["name"], n)
		}
		if n := c.delivered(id, ""); n == 0 {
			t.Errorf("%s: nothing is delivered", entry["name"])
		}
	}
	for _, name := range slices.Collect(maps.Keys(names)) {
		if detour.connections()[name+":443"] == 0 {
			t.Errorf("nobody asked for %s: %v", name, detour.connections())
		}
	}
	for host := range detour.connections() {
		if !names[strings.TrimSuffix(host, ":443")] {
			t.Errorf("%s was asked for", host)
		}
	}
	if refused := stats.Count("token", "") - stats.Count("token", "200"); refused > 0 {
		t.Errorf("%d requests for tokens were refused: %v", refused, stats.Requests)
	}
}

func guid(a, b int) string { return fmt.Sprintf("%08d-0000-0000-0000-%012d", a, b) }
