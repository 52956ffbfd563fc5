package deploy

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/config"
)

type compose struct {
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
}

type service struct {
	Image     string            `yaml:"image"`
	Build     *build            `yaml:"build"`
	Command   []string          `yaml:"command"`
	Volumes   []string          `yaml:"volumes"`
	Ports     []string          `yaml:"ports"`
	DependsOn map[string]any    `yaml:"depends_on"`
	Env       map[string]string `yaml:"environment"`
	Health    map[string]any    `yaml:"healthcheck"`
	ReadOnly  bool              `yaml:"read_only"`
}

type build struct {
	Context string            `yaml:"context"`
	Target  string            `yaml:"target"`
	Args    map[string]string `yaml:"args"`
}

func loadCompose(t *testing.T) compose {
	t.Helper()
	expand := regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)
	var c compose
	if err := yaml.Unmarshal([]byte(expand.ReplaceAllString(read(t, "compose.yaml"), "$1")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeNamesOnlyWhatExists(t *testing.T) {
	c := loadCompose(t)
	dockerfile := instructions(t)
	for name, s := range c.Services {
		if (s.Image == "") == (s.Build == nil) {
			t.Errorf("%s: needs an image or a build", name)
		}
		if s.Build != nil {
			stage := func(line string) bool {
				return strings.HasPrefix(line, "FROM ") && strings.HasSuffix(line, " AS "+s.Build.Target)
			}
			if s.Build.Context != "." || !slices.ContainsFunc(dockerfile, stage) {
				t.Errorf("%s: Dockerfile has no target %s", name, s.Build.Target)
			}
			for arg := range s.Build.Args {
				if !slices.ContainsFunc(dockerfile, func(line string) bool { return strings.HasPrefix(line, "ARG "+arg) }) {
					t.Errorf("%s: Dockerfile has no argument %s", name, arg)
				}
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			_, named := c.Volumes[source]
			if _, err := os.Stat(filepath.Join(root, source)); !named && err != nil {
				t.Errorf("%s: volume: %v", name, err)
			}
		}
		for other := range s.DependsOn {
			if c.Services[other].Health == nil {
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			}
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, port)
			}
		}
	}
	for _, name := range []string{"kafka", "redis", "emulator", "connector"} {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
}

func TestComposeRedisNeitherForgetsNorEvicts(t *testing.T) {
	command := strings.Join(loadCompose(t).Services["redis"].Command, " ")
	for _, want := range []string{"--appendonly yes", "--maxmemory-policy noeviction"} {
		if !strings.Contains(command, want) {
			t.Errorf("redis runs as %q, want %s", command, want)
		}
	}
}

// TestComposeConnectorMeetsItsNeighbours compares the addresses in the connector's configuration with the services.
func TestComposeConnectorMeetsItsNeighbours(t *testing.T) {
	var settings struct {
		Tenants []struct {
			BaseURL   string `yaml:"base_url"`
			Authority string `yaml:"authority"`
		} `yaml:"tenants"`
		Kafka struct {
			Brokers []string `yaml:"brokers"`
		} `yaml:"kafka"`
		Checkpoint struct {
			Redis struct {
				Addresses []string `yaml:"addresses"`
			} `yaml:"redis"`
		} `yaml:"checkpoint"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/compose/connector.yaml")), &settings); err != nil {
		t.Fatal(err)
	}
	services := loadCompose(t).Services
	if !strings.Contains(services["kafka"].Env["KAFKA_ADVERTISED_LISTENERS"], "PLAINTEXT://"+settings.Kafka.Brokers[0]+",") {
		t.Errorf("kafka does not advertise %s", settings.Kafka.Brokers[0])
	}
	if got := settings.Checkpoint.Redis.Addresses[0]; got != "redis:6379" {
		t.Errorf("redis is not at %s", got)
	}
	for _, address := range []string{settings.Tenants[0].BaseURL, settings.Tenants[0].Authority} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil || host != "emulator" || !slices.Contains(services["emulator"].Command, "0.0.0.0:"+port) {
			t.Errorf("the emulator does not listen at %s", address)
		}
	}
}

func TestComposeConfigurationIsValid(t *testing.T) {
	if _, err := config.Load(filepath.Join(root, "deploy/compose/connector.yaml")); err != nil {
		t.Error(err)
	}
}
