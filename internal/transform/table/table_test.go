package table_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/transform/table"
)

func TestRows(t *testing.T) {
	got := table.Rows("# remark\na\tb\tc\n1\t2\n\nx\ty\tz\r\n")
	if diff := cmp.Diff([][]string{{"1", "2", ""}, {"x", "y", "z"}}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern, operation string
		want               bool
	}{
		{"", "anything", true},
		{"*", "", true},
		{"Add user.", "Add User", true},
		{"Add user", " add user. ", true},
		{"Add user", "Add users", false},
		{"New-*", "new-mailbox", true},
		{"New-*", "renew-mailbox", false},
		{"*Deleted", "FileDeleted", true},
		{"*Deleted", "FileDeletedTwice", false},
		{"*Inbox*", "New-InboxRule", true},
		{"*Inbox*", "New-Rule", false},
		{"Update application – Certificates and secrets management", "Update application – Certificates and secrets management ", true},
		{"ÄNDERN", "ändern", true},
	}
	for _, test := range tests {
		if got := table.NewPattern(test.pattern).Match(table.Fold(nil, []byte(test.operation))); got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.operation, got)
		}
	}
}
