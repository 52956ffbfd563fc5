//go:build unix

package chaos

import (
	"os"
	"syscall"
)

// The signals that processes get.
var (
	stopSignal     os.Signal = syscall.SIGSTOP
	continueSignal os.Signal = syscall.SIGCONT
	endSignal      os.Signal = syscall.SIGTERM
	stacksSignal   os.Signal = syscall.SIGQUIT
)
