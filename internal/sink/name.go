package sink

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Placeholders lists what a topic may hold to be filled in from each event.
func Placeholders() []string {
	return []string{"{tenant}", "{tenant_name}", "{content_type}", "{workload}", "{record_type}"}
}

// https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/internals/Topic.java
const maxTopicName = 249

var (
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
	topicName   = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
)

// ValidTopic checks the name of a topic; key begins the error's text.
func ValidTopic(key, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s: must name a topic", key)
	case name == "." || name == ".." || len(name) > maxTopicName || !topicName.MatchString(name):
		return fmt.Errorf("%s: %q is no topic name: use up to %d letters, digits, dots, dashes and underscores", key, name, maxTopicName)
	}
	return nil
}

// ValidTemplate checks a topic that may hold placeholders; key begins the error's text.
func ValidTemplate(key, template string) error {
	for _, p := range placeholder.FindAllString(template, -1) {
		if !slices.Contains(Placeholders(), p) {
			return fmt.Errorf("%s: %s is no placeholder: use %s", key, p, strings.Join(Placeholders(), " "))
		}
	}
	return ValidTopic(key, placeholder.ReplaceAllString(template, "x"))
}
