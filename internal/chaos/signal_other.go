//go:build !unix

package chaos

import "os"

// There are no such signals: sending one is an error.
var (
	stopSignal     = os.Interrupt
	continueSignal = os.Interrupt
	endSignal      = os.Interrupt
	stacksSignal   = os.Interrupt
)
