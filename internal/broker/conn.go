package broker

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	dialTimeout  = 5 * time.Second
	adminTimeout = 10 * time.Second // for a question, whatever deadline the caller has
	idleTimeout  = 2 * time.Minute  // below the four minutes after which some load balancers drop a connection silently
)

// Conn is a pool of connections to one cluster, safe for concurrent use.
type Conn struct {
	Transport *kafka.Transport
	Client    *kafka.Client // over Transport; its requests need a context with a deadline
	Dialer    *kafka.Dialer // for consumer groups, which do not use the transport
	Addr      net.Addr      // the brokers to start from
	Brokers   []string
	User      string // for advice; empty without SASL
}

// New prepares connections; it reads the certificate files and connects only when something is sent. The client id
// is the name that brokers show in their logs and quotas.
func New(c Config, clientID string) (*Conn, error) {
	tlsConfig, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	mechanism, err := c.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	transport := &kafka.Transport{
		Dial: dial, DialTimeout: dialTimeout, IdleTimeout: idleTimeout,
		ClientID: clientID, TLS: tlsConfig, SASL: mechanism,
	}
	addr := kafka.TCP(c.Brokers...)
	return &Conn{
		Transport: transport,
		Client:    &kafka.Client{Addr: addr, Transport: transport},
		Dialer:    &kafka.Dialer{ClientID: clientID, DialFunc: dial, Timeout: dialTimeout, TLS: tlsConfig, SASLMechanism: mechanism},
		Addr:      addr,
		Brokers:   c.Brokers,
		User:      c.SASL.Username,
	}, nil
}

// dial connects to a broker. The context is that of all that makes a connection ready, TLS and SASL included, and kafka-go
// sets no deadline for SASL: a broker that hangs there is hung up on.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // it is cancelled when the connection is ready
			_ = conn.Close()
		}
	})
	return conn, nil
}

// Close closes the connections that are idle; those in use close when their request ends. The Conn may be used again.
func (c *Conn) Close() { c.Transport.CloseIdleConnections() }

// bootstrap names the brokers as the Kafka tools want them.
func (c *Conn) bootstrap() string { return strings.Join(c.Brokers, ",") }
