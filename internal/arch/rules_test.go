package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// arrows names for each package below internal and for config those of ours that it may import. Programs below cmd
// may import all but what notLinked forbids.
var arrows = map[string][]string{
	"config": {
		"internal/audit", "internal/auth", "internal/broker", "internal/checkpoint", "internal/control",
		"internal/pipeline", "internal/secret", "internal/sink", "internal/source", "internal/telemetry",
		"internal/transform", "internal/unit",
	},
	"internal/audit":      {},
	"internal/auth":       {"internal/audit", "internal/secret", "internal/unit"},
	"internal/broker":     {"internal/audit", "internal/auth", "internal/secret", "internal/unit"}, // tokens for SASL OAUTHBEARER
	"internal/chaos":      {"internal/audit", "internal/emulator", "internal/testbed"},             // only tests and cmd/chaos import it
	"internal/checkpoint": {"internal/audit", "internal/broker", "internal/secret", "internal/unit"},
	"internal/command": { // only programs and the daemon use it
		"config", "internal/audit", "internal/checkpoint", "internal/control", "internal/secret", "internal/source",
		"internal/transform", "internal/transform/redact", "internal/unit",
	},
	"internal/control": {"internal/audit", "internal/broker", "internal/secret", "internal/txn", "internal/unit"},
	"internal/daemon": { // puts the parts together
		"config", "internal/audit", "internal/auth", "internal/broker", "internal/checkpoint", "internal/command",
		"internal/control", "internal/pipeline", "internal/secret", "internal/sink", "internal/source", "internal/telemetry",
		"internal/transform", "internal/unit",
	},
	"internal/emulator":  {},
	"internal/model":     {"internal/audit"}, // only tests import it
	"internal/pipeline":  {"internal/audit", "internal/secret", "internal/unit"},
	"internal/secret":    {},
	"internal/sink":      {"internal/audit", "internal/broker", "internal/secret", "internal/txn", "internal/unit"},
	"internal/source":    {"internal/audit", "internal/auth", "internal/secret", "internal/unit"},
	"internal/telemetry": {"internal/audit", "internal/secret", "internal/unit"},
	"internal/testbed":   {},
	"internal/transform": {
		"internal/audit", "internal/secret", "internal/transform/ecs", "internal/transform/facts", "internal/transform/ocsf",
		"internal/transform/redact", "internal/transform/tree", "internal/unit",
	},
	"internal/transform/ecs": {
		"internal/audit", "internal/transform/facts", "internal/transform/table", "internal/transform/tree",
	},
	"internal/transform/facts": {"internal/audit", "internal/transform/table", "internal/transform/tree"},
	"internal/transform/ocsf": {
		"internal/audit", "internal/transform/facts", "internal/transform/table", "internal/transform/tree",
	},
	"internal/transform/page":   {}, // only tests import it
	"internal/transform/redact": {"internal/audit", "internal/secret", "internal/transform/tree"},
	"internal/transform/table":  {},
	"internal/transform/tree":   {},
	"internal/txn":              {"internal/broker", "internal/secret", "internal/unit"},
	"internal/unit":             {},

	"internal/testbed/cmd/services": {"internal/testbed"},
	"internal/testbed/race":         {}, // only tests import it

	"internal/e2e/stage": {"internal/emulator", "internal/testbed"}, // only tests import it
}

// onlyStandard are the packages that everything stands on.
var onlyStandard = []string{"internal/audit", "internal/secret", "internal/unit"}

// notLinked is what the connector must not contain, with all that lies below it.
var notLinked = []string{
	module + "/internal/chaos",
	module + "/internal/e2e",
	module + "/internal/emulator",
	module + "/internal/model",
	module + "/internal/testbed",
	module + "/internal/transform/page",
	"github.com/alicebob/miniredis",
	"github.com/twmb/franz-go/pkg/kfake",
	"testing",
}

// emptyNames say nothing about what a package or file holds.
var emptyNames = []string{"util", "utils", "helper", "helpers", "manager", "common", "misc", "shared", "types", "models", "base"}

const (
	maxFileLines     = 450
	maxFunctionLines = 70
)

// violations returns what is wrong with a tree, a line each.
func violations(t tree) []string {
	var all []string
	for _, rule := range []func(tree) []string{
		arrowRule, standardRule, linkRule, commentRule, lengthRule, nameRule,
	} {
		all = append(all, rule(t)...)
	}
	return all
}

func arrowRule(t tree) []string {
	var found []string
	for _, p := range t.sorted() {
		if strings.HasPrefix(p.path, "cmd/") {
			continue
		}
		allowed, known := arrows[p.path]
		if !known {
			found = append(found, fmt.Sprintf("%s: unknown package: say in internal/arch what it may import", p.path))
			continue
		}
		for _, imported := range p.imports {
			if to, ok := own(imported); ok && !slices.Contains(allowed, to) {
				found = append(found, fmt.Sprintf("%s must not import %s", p.path, to))
			}
		}
	}
	return found
}

func standardRule(t tree) []string {
	var found []string
	for _, name := range onlyStandard {
		if p := t.packages[name]; p != nil {
			for _, imported := range p.imports {
				if !standard(imported) {
					found = append(found, fmt.Sprintf("%s imports %s, but may only import the standard library", name, imported))
				}
			}
		}
	}
	return found
}

func linkRule(t tree) []string {
	var found []string
	for imported, by := range t.linked("cmd/connector") {
		for _, forbidden := range notLinked {
			if imported == forbidden || strings.HasPrefix(imported, forbidden+"/") {
				found = append(found, fmt.Sprintf("cmd/connector links %s, which %s imports", imported, by))
			}
		}
	}
	slices.Sort(found)
	return found
}

func commentRule(t tree) []string {
	var found []string
	for _, p := range t.sorted() {
		if !p.commented {
			found = append(found, p.path+" has no package comment")
		}
	}
	return found
}

func lengthRule(t tree) []string {
	var found []string
	for _, p := range t.sorted() {
		for _, f := range p.files {
			if f.lines > maxFileLines {
				found = append(found, fmt.Sprintf("%s has %d lines, at most %d", f.path, f.lines, maxFileLines))
			}
			for _, fn := range f.functions {
				if fn.lines > maxFunctionLines {
					found = append(found, fmt.Sprintf("%s: %s has %d lines, at most %d", f.path, fn.name, fn.lines, maxFunctionLines))
				}
			}
		}
	}
	return found
}

func nameRule(t tree) []string {
	var found []string
	for _, p := range t.sorted() {
		if slices.Contains(emptyNames, p.name) || slices.Contains(emptyNames, path.Base(p.path)) {
			found = append(found, p.path+": the name says nothing about what the package holds")
		}
		for _, f := range p.files {
			if slices.Contains(emptyNames, strings.TrimSuffix(path.Base(f.path), ".go")) {
				found = append(found, f.path+": the name says nothing about what the file holds")
			}
		}
	}
	return found
}
