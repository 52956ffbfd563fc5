package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Broker is one Apache Kafka broker that serves plain connections.
type Broker struct {
	control

	addresses []string
	node      node // zero: given by address
}

// KafkaOptions says what kind of Kafka is started.
type KafkaOptions struct {
	Version    string            // release; default: that of the environment, else KafkaVersion
	ClusterID  string            // 22 characters of base64url; default: always the same
	Properties map[string]string // added to server.properties
	Heap       string            // as 512m, the default
	Throughput bool              // leave the optimizing compiler on: starts later, serves faster

	// Outside adds listeners to each broker: what clients of the i-th one are told to connect to, broker by broker, as
	// the addresses of proxies. Broker.Inside says where such a proxy has to forward to.
	Outside [][]string

	secure bool // with listeners SSL and SASL_SSL, and rights
}

// Addresses returns host:port of the brokers to connect to at first.
func (b *Broker) Addresses() []string { return b.addresses }

// Address returns the first of Addresses.
func (b *Broker) Address() string { return b.addresses[0] }

// Inside returns where the listeners of KafkaOptions.Outside are.
func (b *Broker) Inside() []string {
	all := make([]string, len(b.node.outside))
	for i := range all {
		all[i] = address(b.node.ports[i])
	}
	return all
}

var sharedKafka struct {
	mu     sync.Mutex // guards the following
	broker *Broker
	err    error
}

// Kafka returns a broker that other tests use at the same time: name topics and groups with Name, and do not stop it.
// It lives until the process ends.
func Kafka(tb testing.TB) *Broker {
	tb.Helper()
	begin(tb)
	sharedKafka.mu.Lock()
	defer sharedKafka.mu.Unlock()
	if sharedKafka.broker == nil && sharedKafka.err == nil {
		sharedKafka.broker, sharedKafka.err = givenOrStarted(context.WithoutCancel(tb.Context()))
	}
	Require(tb, sharedKafka.err)
	return sharedKafka.broker
}

var sharedOldKafka struct {
	mu     sync.Mutex // guards the following
	broker *Broker
	err    error
}

// OldKafka returns a broker of OldKafkaVersion, shared by the tests of this process. It lives until the process ends.
func OldKafka(tb testing.TB) *Broker {
	tb.Helper()
	begin(tb)
	sharedOldKafka.mu.Lock()
	defer sharedOldKafka.mu.Unlock()
	if sharedOldKafka.broker == nil && sharedOldKafka.err == nil {
		sharedOldKafka.broker, sharedOldKafka.err = StartKafka(context.WithoutCancel(tb.Context()), KafkaOptions{Version: OldKafkaVersion})
	}
	requireOwn(tb, EnvKafka, sharedOldKafka.err)
	return sharedOldKafka.broker
}

func givenOrStarted(ctx context.Context) (*Broker, error) {
	given := os.Getenv(EnvKafka)
	if given == "" {
		return StartKafka(ctx, KafkaOptions{})
	}
	b := &Broker{addresses: strings.Split(given, ",")}
	b.ready = func(ctx context.Context) error { return metadata(ctx, b.addresses[0], 1) }
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := b.ready(ctx)
		if err == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("ask the Kafka of %s at %s: %w", EnvKafka, given, err)
		}
		wait(ctx, 100*time.Millisecond)
	}
}

// OwnKafka starts a broker for this test alone, whose process may be stopped, killed and paused. It takes some five
// seconds and 250 MB.
func OwnKafka(tb testing.TB) *Broker {
	tb.Helper()
	return OwnKafkaWith(tb, KafkaOptions{})
}

// OwnKafkaWith is OwnKafka with options.
func OwnKafkaWith(tb testing.TB, o KafkaOptions) *Broker {
	tb.Helper()
	b, err := StartKafka(begin(tb), o)
	requireOwn(tb, EnvKafka, err)
	tb.Cleanup(func() { closeServer(tb, b) })
	return b
}

// requireOwn is Require for servers whose process is needed: where only an address is given, the test is skipped.
func requireOwn(tb testing.TB, env string, err error) {
	tb.Helper()
	if errors.Is(err, ErrUnavailable) && os.Getenv(env) != "" {
		tb.Skipf("SKIPPED, NOT TESTED: this test ends and pauses the server, which is not possible with the one that %s names", env)
	}
	Require(tb, err)
}

func closeServer(tb testing.TB, s io.Closer) {
	if err := s.Close(); err != nil {
		tb.Errorf("close server: %v", err)
	}
}

// StartKafka starts a broker and returns when it answers. The caller closes it. ErrUnavailable means that this machine
// has no means to run it.
func StartKafka(ctx context.Context, o KafkaOptions) (*Broker, error) {
	cluster, err := StartKafkaCluster(ctx, 1, o)
	if err != nil {
		return nil, err
	}
	return cluster.Brokers[0], nil
}
