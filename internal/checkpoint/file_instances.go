package checkpoint

import (
	"context"
	"path/filepath"
	"strconv"
)

// BindPartitions writes the group's file if there is none.
func (f *fileStore) BindPartitions(ctx context.Context, group string, n int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := checkPartitions(n); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path := f.groupPath("partitions", group)
	text, err := readIfThere(path)
	if err != nil {
		return 0, err
	}
	if text == nil {
		return n, writeFileAt(path, []byte(strconv.Itoa(n)))
	}
	return parsePartitions(string(text), "delete "+path+" if no other instance uses the group")
}

// groupPath names a file after a hash, since a group may be called anything.
func (f *fileStore) groupPath(kind, name string) string {
	return filepath.Join(f.directory, "groups", kind+"-"+hashID(name)+".json")
}
