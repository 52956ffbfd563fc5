package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// memberDocument is an instance's membership in its file.
type memberDocument struct {
	Until    time.Time `json:"until"`
	MemberID string    `json:"member_id"`
}

// RememberMember replaces the instance's file.
func (f *fileStore) RememberMember(ctx context.Context, group, instance, memberID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := json.Marshal(memberDocument{Until: time.Now().Add(memberAge).UTC(), MemberID: memberID})
	if err != nil {
		return fmt.Errorf("remember group member: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return writeFileAt(f.memberPath(group, instance), text)
}

// RecallMember reads the instance's file.
func (f *fileStore) RecallMember(ctx context.Context, group, instance string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	path := f.memberPath(group, instance)
	text, err := readIfThere(path)
	if err != nil || text == nil {
		return "", err
	}
	var d memberDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return "", fault(fmt.Errorf("recall group member: read %s: %w", path, err), "delete the file: it matters for a day only")
	}
	if !time.Now().Before(d.Until) {
		return "", nil
	}
	return d.MemberID, nil
}

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

// memberPath names a group and an instance by one hash each, so that no two pairs share a file.
func (f *fileStore) memberPath(group, instance string) string {
	return f.groupPath("member", hashID(group)+hashID(instance))
}

func (f *fileStore) groupPath(kind, name string) string {
	return filepath.Join(f.directory, "groups", kind+"-"+hashID(name)+".json")
}
