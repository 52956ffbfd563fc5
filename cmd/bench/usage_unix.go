//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// ownUsage returns what this process has used. Where the system tells it, the peak is that of this program alone: the
// one in rusage counts the parent's memory at the fork.
func ownUsage() (usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, fmt.Errorf("ask for own usage: %w", err)
	}
	u := usage{CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()), PeakRSS: int64(r.Maxrss) << 10, Finished: time.Now()}
	if own, ok := highWater(os.Getpid()); ok {
		u.PeakRSS = own
	}
	return u, nil
}

// highWater reads the VmHWM of a process, which only Linux has.
func highWater(pid int) (int64, bool) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib int64
		if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kib); err == nil && strings.HasPrefix(lines.Text(), "VmHWM") {
			return kib << 10, true
		}
	}
	return 0, false
}
