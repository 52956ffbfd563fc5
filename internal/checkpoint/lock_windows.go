package checkpoint

import (
	"fmt"
	"os"
	"syscall"
)

// lockFile opens a file that one process at a time can hold: it is shared with nobody.
func lockFile(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS,
		syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return os.NewFile(uintptr(handle), path), nil
}

// syncDirectory does nothing: Windows writes directories by itself.
func syncDirectory(string) error { return nil }
