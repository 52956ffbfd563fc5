// Package rights tests the list of rights in docs/operations.md on a broker that denies whatever is not granted.
package rights

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/e2e/stage"
)

func TestMain(m *testing.M) { stage.Main(m) }

const list = "../../../docs/operations.md"

// documented returns what the document's commands grant to a principal, with the stage's names in place of the
// defaults.
func documented(t *testing.T, principal string, s *stage.Stage) []kafka.ACLEntry {
	t.Helper()
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var all []kafka.ACLEntry
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "kafka-acls.sh ") && strings.Contains(line, "'User:"+principal+"'") {
			all = append(all, entriesOf(t, line)...)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no commands for User:%s", list, principal)
	}
	names := strings.NewReplacer("o365.", s.Topic(""), "o365-connector", s.Name, "siem", s.Name+"-siem")
	for i := range all {
		all[i].ResourceName = names.Replace(all[i].ResourceName)
	}
	return all
}

// entriesOf reads a command: one entry for each operation on each resource.
func entriesOf(t *testing.T, command string) []kafka.ACLEntry {
	t.Helper()
	words := strings.Fields(command)
	var operations []kafka.ACLOperationType
	var resources []kafka.ACLEntry
	pattern := kafka.PatternTypeLiteral
	kinds := map[string]kafka.ResourceType{
		"--topic": kafka.ResourceTypeTopic, "--group": kafka.ResourceTypeGroup, "--transactional-id": kafka.ResourceTypeTransactionalID,
	}
	for i, word := range words[:len(words)-1] {
		value := words[i+1]
		switch kind, resource := kinds[word]; {
		case resource:
			resources = append(resources, kafka.ACLEntry{ResourceType: kind, ResourceName: value})
		case word == "--operation":
			var op kafka.ACLOperationType
			if err := op.UnmarshalText([]byte(value)); err != nil || op == kafka.ACLOperationTypeUnknown {
				t.Fatalf("%s: operation %s: %v", command, value, err)
			}
			operations = append(operations, op)
		case word == "--resource-pattern-type" && value == "prefixed":
			pattern = kafka.PatternTypePrefixed
		}
	}
	var all []kafka.ACLEntry
	for _, r := range resources {
		for _, op := range operations {
			r.Operation, r.ResourcePatternType = op, pattern
			all = append(all, r)
		}
	}
	return all
}

// flag is how kafka-acls.sh names the resource.
func flag(e kafka.ACLEntry) string {
	return map[kafka.ResourceType]string{
		kafka.ResourceTypeTopic: "--topic", kafka.ResourceTypeGroup: "--group", kafka.ResourceTypeTransactionalID: "--transactional-id",
	}[e.ResourceType]
}

func name(e kafka.ACLEntry) string {
	return fmt.Sprintf("%s_%s_%s", e.Operation, strings.TrimLeft(flag(e), "-"), e.ResourceName[strings.IndexAny(e.ResourceName+".", "./"):])
}

// granted reports whether an advice is to grant the right to the principal.
func granted(advice, principal string, e kafka.ACLEntry) bool {
	advice = strings.Join(strings.Fields(strings.ReplaceAll(advice, `"`, " ")), " ") + " "
	resource := flag(e) + " " + e.ResourceName
	if e.ResourcePatternType == kafka.PatternTypeLiteral {
		resource += " "
	}
	return strings.Contains(advice, "--allow-principal 'User:"+principal+"'") &&
		strings.Contains(advice, "--operation "+e.Operation.String()+" ") && strings.Contains(advice, resource)
}
