package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"o365-kafka-connector/internal/audit"
)

var errAllow = errors.New("use a command, or tenant/command")

// Allowed reports whether a command may come over Kafka for a tenant; the zero tenant is all of them. An entry of
// allow is a command, for every tenant, or "<tenant GUID or name>/<command>".
func (c Config) Allowed(name Name, t audit.Tenant) bool {
	if len(c.Allow) == 0 {
		return name != AuthReset
	}
	return slices.ContainsFunc(c.Allow, func(entry string) bool {
		tenant, command, err := parseAllow(entry)
		return err == nil && command == name && (tenant == "" || isTenant(t, tenant))
	})
}

// allowed lists the commands for a reply.
func (c Config) allowed(t audit.Tenant) string {
	return join(slices.DeleteFunc(Names(), func(n Name) bool { return !c.Allowed(n, t) }))
}

func parseAllow(entry string) (tenant string, name Name, err error) {
	command := entry
	if before, after, ok := strings.Cut(entry, "/"); ok {
		tenant, command = strings.TrimSpace(before), after
		if tenant == "" {
			return "", "", errAllow
		}
	}
	if name, err = ParseName(command); err != nil {
		return "", "", fmt.Errorf("%w, of %s", errAllow, join(Names()))
	}
	return tenant, name, nil
}

// isTenant reports whether a sender means this tenant: by GUID or by the operator's name for it, in any letter case.
func isTenant(t audit.Tenant, called string) bool {
	return t.ID != "" && (strings.EqualFold(t.ID, called) || strings.EqualFold(t.Name, called))
}
