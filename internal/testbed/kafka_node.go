package testbed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// newBroker formats a node's directory and starts its process, but does not wait for it.
func newBroker(ctx context.Context, n node, o KafkaOptions) (*Broker, error) {
	file := filepath.Join(n.dir, "server.properties")
	if err := os.WriteFile(file, []byte(propertiesText(n.properties(o))), 0o600); err != nil {
		return nil, fmt.Errorf("write settings: %w", err)
	}
	newRunner := newKafkaProcess
	if engine() != "" {
		newRunner = newKafkaContainer
	}
	run, err := newRunner(ctx, n, o)
	if err != nil {
		return nil, err
	}
	b := &Broker{addresses: []string{address(n.port)}, node: n}
	b.control = control{run: run, dir: n.dir, ready: func(ctx context.Context) error {
		return metadata(ctx, b.addresses[0], len(n.voters))
	}}
	if err := run.start(ctx); err != nil {
		return nil, errors.Join(err, run.close())
	}
	return b, nil
}

func newKafkaProcess(ctx context.Context, n node, o KafkaOptions) (runner, error) {
	libs, err := kafkaLibs(ctx, o.version())
	if err != nil {
		return nil, err
	}
	java := append([]string{"java", "-Xmx" + o.heap(), "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"}, n.jvm()...)
	if !o.Throughput {
		java = append(java, "-XX:TieredStopAtLevel=1")
	}
	java = append(java, "-cp", filepath.Join(libs, "*"))
	format := append(append(java[:len(java):len(java)], "kafka.tools.StorageTool"), o.format(n)...)
	cmd := exec.CommandContext(ctx, format[0], format[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format Kafka's directory: %w: %s", err, out)
	}
	return newNative(n.dir, append(java, "kafka.Kafka", filepath.Join(n.dir, "server.properties")))
}

func newKafkaContainer(ctx context.Context, n node, o KafkaOptions) (runner, error) {
	script := "export KAFKA_HEAP_OPTS=-Xmx" + o.heap() + "\nexport KAFKA_OPTS='" + strings.Join(n.jvm(), " ") + "'\n/opt/kafka/bin/kafka-storage.sh"
	for _, arg := range o.format(n) {
		script += " '" + arg + "'"
	}
	script += " && exec /opt/kafka/bin/kafka-server-start.sh " + n.home + "/server.properties"
	return newContainer(ctx, containerOptions{
		image: "apache/kafka:" + o.version(),
		argv:  []string{"/bin/sh", "-c", script},
		dir:   n.dir,
		ports: append([]int{n.port, n.controller}, n.ports...),
	})
}

// jvm returns further arguments for Java.
func (n node) jvm() []string {
	if n.security == nil {
		return nil
	}
	return n.security.tokens.jvm(n.home)
}

func (o KafkaOptions) heap() string {
	if o.Heap == "" {
		return "512m"
	}
	return o.Heap
}

func (o KafkaOptions) version() string {
	if o.Version == "" {
		return cmp.Or(os.Getenv(EnvKafkaVersion), KafkaVersion)
	}
	return o.Version
}

// format returns the arguments of StorageTool.
func (o KafkaOptions) format(n node) []string {
	id := o.ClusterID
	if id == "" {
		id = clusterID
	}
	args := []string{"format", "--ignore-formatted", "-t", id, "-c", n.home + "/server.properties"}
	if n.security != nil {
		for _, user := range n.security.scram() {
			args = append(args, "--add-scram", user)
		}
	}
	return args
}

// metadata asks the broker for its cluster, which has to have this many brokers.
func metadata(ctx context.Context, addr string, brokers int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := kafka.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	found, err := conn.Brokers()
	if err != nil {
		return fmt.Errorf("ask for metadata: %w", err)
	}
	if len(found) < brokers {
		return fmt.Errorf("ask for metadata: %d of %d brokers are there", len(found), brokers)
	}
	return nil
}

// CreateTopic creates a topic of one replica, as the auto-creation that is switched off would.
func (b *Broker) CreateTopic(ctx context.Context, topic string, partitions int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := kafka.DialContext(ctx, "tcp", b.Address())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	return conn.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1})
}

// portTaken reports whether a server ended because another program took its port between our look and its start.
func portTaken(err error) bool {
	return err != nil && strings.Contains(err.Error(), "Address already in use")
}
