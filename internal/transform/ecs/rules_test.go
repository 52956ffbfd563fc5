package ecs_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is a published detection rule, restated as a query on an event, with a record that it is meant for and near misses.
type rule struct {
	link  string
	query query
	match string   // members of a record, beside those of base
	miss  []string // the same
}

// query says whether an event is meant.
type query func(event any) bool

const (
	elastic = "https://github.com/elastic/detection-rules/blob/main/rules/integrations/o365/"
	sigma   = "https://github.com/SigmaHQ/sigma/blob/master/rules/cloud/m365/"
)

// values returns the values of a field, as Elasticsearch has them: those of all objects of a list, as texts.
func values(event any, path string) []string {
	found := []any{event}
	for name := range strings.SplitSeq(path, ".") {
		var next []any
		for _, v := range spread(found) {
			if m, ok := v.(map[string]any); ok && m[name] != nil {
				next = append(next, m[name])
			}
		}
		found = next
	}
	var texts []string
	for _, v := range spread(found) {
		if _, ok := v.(map[string]any); !ok {
			texts = append(texts, fmt.Sprint(v))
		}
	}
	return texts
}

func spread(values []any) []any {
	var all []any
	for _, v := range values {
		if l, ok := v.([]any); ok {
			all = append(all, spread(l)...)
			continue
		}
		all = append(all, v)
	}
	return all
}

// is holds if the field has one of the values.
func is(path string, wanted ...string) query {
	return func(event any) bool {
		return slices.ContainsFunc(values(event, path), func(v string) bool { return slices.Contains(wanted, v) })
	}
}

// like holds if a value of the field matches the pattern, in any letter case.
func like(path, pattern string) query {
	re := regexp.MustCompile("(?i)" + pattern)
	return func(event any) bool { return slices.ContainsFunc(values(event, path), re.MatchString) }
}

func all(queries ...query) query {
	return func(event any) bool {
		return !slices.ContainsFunc(queries, func(q query) bool { return !q(event) })
	}
}

func anyOf(queries ...query) query {
	return func(event any) bool { return slices.ContainsFunc(queries, func(q query) bool { return q(event) }) }
}

func not(q query) query { return func(event any) bool { return !q(event) } }

// outside holds if the field has a value that does not end with the user's domain.
func outside(path string) query {
	return func(event any) bool {
		domain := strings.Join(values(event, "user.domain"), "")
		return slices.ContainsFunc(values(event, path), func(v string) bool {
			return !strings.HasSuffix(strings.ToLower(v), strings.ToLower(domain))
		})
	}
}

func TestPublishedRulesMatch(t *testing.T) {
	if len(rules) < 15 {
		t.Fatalf("%d rules", len(rules))
	}
	for _, r := range rules {
		t.Run(r.link[strings.LastIndexByte(r.link, '/')+1:], func(t *testing.T) {
			if event := eventOf(t, r.match); !r.query(event) {
				t.Errorf("%s does not match %s:\n%v", r.link, r.match, event)
			}
			for _, miss := range r.miss {
				if event := eventOf(t, miss); r.query(event) {
					t.Errorf("%s matches %s:\n%v", r.link, miss, event)
				}
			}
		})
	}
}

// eventOf encodes a record of the given members.
func eventOf(t *testing.T, members string) any {
	t.Helper()
	raw := []byte(`{"CreationTime":"2026-11-23T09:12:44","Id":"1","OrganizationId":"11111111-1111-1111-1111-111111111111",` +
		`"UserType":0,"UserKey":"k","Version":1,"UserId":"megan@contoso.example",` + members + `}`)
	event := encoder().Append(nil, blob, parse(raw))
	if err := conforms(event); err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(event, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
