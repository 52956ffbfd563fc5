package testbed

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// clusterID is what all clusters started here are formatted with, unless KafkaOptions says otherwise.
const clusterID = "Y29ubmVjdG9yLXRlc3RzLQ"

// node is one Kafka process of a cluster.
type node struct {
	id         int
	port       int
	controller int   // port of its controller listener
	voters     []int // controller ports of all nodes
	dir        string
	home       string // dir as the server sees it
	ports      []int  // of the listeners SSL and SASL_SSL, or of those for outside
	outside    []string
	security   *security
}

// properties returns the settings of a node: one that serves plain connections and is a controller, too.
func (n node) properties(o KafkaOptions) map[string]string {
	voters := make([]string, len(n.voters))
	for i, port := range n.voters {
		voters[i] = fmt.Sprintf("%d@%s", i+1, address(port))
	}
	nodes := len(n.voters)
	p := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          fmt.Sprint(n.id),
		"controller.quorum.voters":                         strings.Join(voters, ","),
		"controller.listener.names":                        "CONTROLLER",
		"listeners":                                        listener("PLAINTEXT", n.port) + "," + listener("CONTROLLER", n.controller),
		"advertised.listeners":                             "PLAINTEXT://" + address(n.port),
		"log.dirs":                                         n.home + "/data",
		"offsets.topic.replication.factor":                 fmt.Sprint(min(nodes, 3)),
		"offsets.topic.num.partitions":                     "4",
		"transaction.state.log.replication.factor":         fmt.Sprint(min(nodes, 3)),
		"transaction.state.log.num.partitions":             "4",
		"transaction.state.log.min.isr":                    fmt.Sprint(min(nodes, 2)),
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
		"group.min.session.timeout.ms":                     "1000", // tests need not wait long for dead members
		"broker.heartbeat.interval.ms":                     "500",
		"broker.session.timeout.ms":                        "2000", // a killed broker may come back only when its session has ended
		"auto.create.topics.enable":                        "false",
		"controlled.shutdown.enable":                       fmt.Sprint(nodes > 1),
	}
	if n.security != nil {
		maps.Copy(p, n.security.properties(n))
	}
	if len(n.outside) > 0 {
		n.addOutside(p)
	}
	maps.Copy(p, o.Properties)
	return p
}

// addOutside adds plain listeners whose clients are told other addresses.
func (n node) addOutside(p map[string]string) {
	protocols := "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
	for i, told := range n.outside {
		name := fmt.Sprint("OUTSIDE", i)
		p["listeners"] += "," + listener(name, n.ports[i])
		p["advertised.listeners"] += "," + name + "://" + told
		protocols += "," + name + ":PLAINTEXT"
	}
	p["listener.security.protocol.map"] = protocols
}

// listener binds to all addresses inside a container, whose ports are published on 127.0.0.1 only.
func listener(name string, port int) string {
	bind := host
	if engine() != "" {
		bind = "0.0.0.0"
	}
	return fmt.Sprintf("%s://%s:%d", name, bind, port)
}

func propertiesText(p map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&b, "%s=%s\n", key, p[key])
	}
	return b.String()
}
