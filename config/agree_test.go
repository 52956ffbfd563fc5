package config_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each setting that decides what is delivered has a fingerprint, its own; what may differ between machines has none.
func TestFingerprints(t *testing.T) {
	of := func(more string) map[string]string {
		t.Helper()
		prints, err := parse(t, minimal+more).Fingerprints()
		if err != nil {
			t.Fatal(err)
		}
		return prints
	}
	plain := of("")
	for more, want := range map[string][]string{
		"": nil,
		"http: {listen: ''}\ncontrol: {instance_id: one}\nlog: {level: debug}\nsource: {workers: 9, spool: /var/tmp}\n": nil,
		"filter: {workloads: [Exchange]}\n":                                   {"filter"},
		"output: {format: raw}\n":                                             {"output"},
		"dedupe: {records: drop}\n":                                           {"dedupe"},
		"redact: {fields: [ClientIP]}\n":                                      {"redact"},
		"source: {first_fetch: 2h}\n":                                         {"source"},
		"kafka: {topic: other}\n":                                             {"kafka.topic"},
		"kafka: {delivery: at-least-once, key: user}\n":                       {"kafka.delivery", "kafka.key"},
		"kafka: {dead_letter_topic: d, status_topic: s, brokers: [b:9092]}\n": {"kafka.dead_letter_topic", "kafka.status_topic"},
		"kafka: {journal_topic: j}\ncheckpoint: {key_prefix: 'x:'}\n":         {"checkpoint.key_prefix", "kafka.journal_topic"},
		"    auto_subscribe: false\n":                                         {"auto_subscribe"},
		"    filter: {not: {operations: [UserLoggedIn]}}\n    cloud: dod\n":   {"filter", "source"},
	} {
		var differ []string
		prints := of(more)
		for _, name := range slices.Sorted(maps.Keys(plain)) {
			if prints[name] != plain[name] {
				differ = append(differ, name)
			}
		}
		if d := cmp.Diff(want, differ); d != "" || len(prints) != len(plain) {
			t.Errorf("%q (-want +got): %s", more, d)
		}
	}
}
