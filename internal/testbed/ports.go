package testbed

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

const host = "127.0.0.1"

// freePorts returns n ports that nobody listens on at the moment. They lie below the range from which systems take
// the local ports of outgoing connections, so that a server that was killed finds its port free again.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	listeners := make([]net.Listener, 0, n)
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for tries := 0; len(ports) < n; tries++ {
		if tries == 1000 {
			return nil, fmt.Errorf("find %d free ports on %s: none of %d tried", n, host, tries)
		}
		port := 15000 + rand.IntN(17000)
		l, err := net.Listen("tcp", address(port)) //nolint:noctx // answers at once
		if err != nil {
			continue
		}
		listeners = append(listeners, l)
		ports = append(ports, port)
	}
	return ports, nil
}

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
