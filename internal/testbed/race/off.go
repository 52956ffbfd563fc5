//go:build !race

// Package race tells tests whether the race detector watches, which makes long calculations ten times as long.
package race

// Enabled tells that the race detector watches.
const Enabled = false
