// Package testbed starts the real services that tests and benchmarks need: Apache Kafka and Redis.
//
// Where they come from, in this order:
//
//  1. Addresses in the environment: CONNECTOR_TEST_KAFKA, CONNECTOR_TEST_REDIS. Nothing is started, and tests that
//     have to kill or pause a server start one of their own by the ways below.
//  2. Containers, if a container engine answers.
//  3. Kafka on the machine's Java, its libraries fetched once by Maven into the user's cache directory, and the
//     redis-server of the PATH.
//
// CONNECTOR_TEST_KAFKA_VERSION lets the second and third way start another release of Kafka.
//
// Where none of these works, a test is skipped with a line that says what to install; with CI=true it fails.
//
// Every server listens on 127.0.0.1 and ends with the process that started it, whatever way that one ends: a guard
// process holds the other end of a pipe, and kills the server and removes its directory when the pipe closes. No
// goroutine runs on behalf of a server, so that tests may look for leaked ones.
//
// Kafka(tb) and SecureKafka(tb) are shared by the tests of a process, and Kafka(tb) by all packages of a run under
// cmd/services: tests name their topics and groups with Name.
package testbed

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// Names of environment variables.
const (
	EnvKafka = "CONNECTOR_TEST_KAFKA" // host:port of brokers, separated by commas
	EnvRedis = "CONNECTOR_TEST_REDIS" // host:port of a Redis that may be written to

	EnvKafkaVersion = "CONNECTOR_TEST_KAFKA_VERSION" // release of the Kafka that is started; default: KafkaVersion
)

// ErrUnavailable means that this machine has no means to run the service. The error's text says what to install.
var ErrUnavailable = errors.New("service unavailable")

// startTimeout bounds the start of a server until it answers, downloads not counted.
const startTimeout = 60 * time.Second

// Name returns a name that no other test uses, for topics, groups and key prefixes.
func Name(tb testing.TB) string {
	tb.Helper()
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '-'
	}, tb.Name())
	return clean[:min(len(clean), 100)] + "." + strings.ToLower(rand.Text()[:8])
}

// begin returns the context in which a test's server is started, and skips the test in short mode.
func begin(tb testing.TB) context.Context {
	tb.Helper()
	if testing.Short() {
		tb.Skip("skipped by -short: this test needs a real service")
	}
	return tb.Context()
}

// Require ends the test if a server could not be started: it fails, or is skipped where the machine has no means to
// run one and nobody said CI=true.
func Require(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrUnavailable) && os.Getenv("CI") != "true":
		tb.Skipf("SKIPPED, NOT TESTED: %v", err)
	default:
		tb.Fatalf("start service: %v", err)
	}
}
