package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Releases of Apache Kafka.
const (
	KafkaVersion    = "4.4.0" // started unless something else is said
	OldKafkaVersion = "3.9.1" // the last line before 4.0, whose coordinators work differently
)

const pomText = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>testbed</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>%s</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`

// kafkaLibs returns the directory of a Kafka's libraries, fetched from Maven Central by the first process that asks.
func kafkaLibs(ctx context.Context, version string) (string, error) {
	// Some systems have a java that only says where to get one.
	if err := exec.CommandContext(ctx, "java", "-version").Run(); err != nil {
		return "", missing("java")
	}
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	dir := filepath.Join(base, "o365-kafka-connector", "kafka-"+version)
	libs := filepath.Join(dir, "libs")
	if _, err := os.Stat(libs); err == nil {
		return libs, nil
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "", missing("mvn")
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("make cache directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	unlock, err := lockFile(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(libs); err == nil {
		return libs, nil
	}
	return libs, fetchKafkaLibs(ctx, version, dir)
}

func missing(program string) error {
	return fmt.Errorf("%w: there is no %s to run a real Kafka with: install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven), "+
		"or start a container engine, or set %s=host:port", ErrUnavailable, program, EnvKafka)
}

// fetchKafkaLibs lets dir/libs appear only when it is complete.
func fetchKafkaLibs(ctx context.Context, version, dir string) error {
	work, err := os.MkdirTemp(dir, "fetch")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), fmt.Appendf(nil, pomText, version), 0o600); err != nil {
		return fmt.Errorf("write pom.xml: %w", err)
	}
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: fetch Kafka %s by Maven: %w: %s", ErrUnavailable, version, err, out)
	}
	return os.Rename(filepath.Join(work, "libs"), filepath.Join(dir, "libs"))
}
