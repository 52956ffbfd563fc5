package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// Cluster is several brokers, each a controller, too. More than half of them have to run.
type Cluster struct {
	Brokers []*Broker
}

// Addresses returns host:port of all brokers.
func (c *Cluster) Addresses() []string {
	var all []string
	for _, b := range c.Brokers {
		all = append(all, b.Address())
	}
	return all
}

// Close ends all brokers.
func (c *Cluster) Close() error {
	var errs []error
	for _, b := range c.Brokers {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// KafkaCluster starts n brokers for this test alone.
func KafkaCluster(tb testing.TB, n int) *Cluster {
	tb.Helper()
	c, err := StartKafkaCluster(begin(tb), n, KafkaOptions{})
	requireOwn(tb, EnvKafka, err)
	tb.Cleanup(func() { closeServer(tb, c) })
	return c
}

// StartKafkaCluster starts n brokers and returns when all of them answer. The caller closes them.
func StartKafkaCluster(ctx context.Context, n int, o KafkaOptions) (*Cluster, error) {
	for try := 1; ; try++ {
		c, err := startCluster(ctx, n, o)
		if err == nil || try == 3 || !portTaken(err) {
			return c, err
		}
	}
}

func startCluster(ctx context.Context, n int, o KafkaOptions) (*Cluster, error) {
	extra := len(o.Outside)
	if o.secure {
		extra = 2
	}
	ports, err := freePorts(n * (2 + extra))
	if err != nil {
		return nil, err
	}
	voters, ports := ports[:n], ports[n:]
	var c Cluster
	for i := range n {
		dir, err := os.MkdirTemp("", "connector-test-kafka")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make directory: %w", err), c.Close())
		}
		nd := node{id: i + 1, port: ports[0], controller: voters[i], voters: voters, dir: dir, home: dir, ports: ports[1 : 1+extra]}
		ports = ports[1+extra:]
		for _, advertised := range o.Outside {
			nd.outside = append(nd.outside, advertised[i])
		}
		if engine() != "" {
			nd.home = containerHome
		}
		if o.secure {
			nd.security, err = newSecurity(dir)
		}
		var b *Broker
		if err == nil {
			b, err = newBroker(ctx, nd, o)
		}
		if err != nil {
			return nil, errors.Join(err, c.Close(), os.RemoveAll(dir))
		}
		c.Brokers = append(c.Brokers, b)
	}
	for _, b := range c.Brokers {
		if err := b.await(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return &c, nil
}
