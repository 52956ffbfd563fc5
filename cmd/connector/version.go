package main

import (
	"fmt"
	"runtime/debug"
)

// version is stamped by the linker: -ldflags "-X main.version=1.2.3".
var version string

type versionCommand struct {
	outputFlag
}

// Run prints the version.
func (cmd versionCommand) Run(env *environment) error {
	if cmd.json() {
		return printJSON(env.stdout, "version", currentVersion())
	}
	_, err := fmt.Fprintln(env.stdout, currentVersion())
	return err
}

// currentVersion is the stamped version, else that of the module, else the commit that it was built from.
func currentVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}
