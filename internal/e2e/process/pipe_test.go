package process

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
)

// TestReaderThatLeavesEndsTheConnector pipes the events into a reader that reads one line, as head does.
func TestReaderThatLeavesEndsTheConnector(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(emulator.New(emulator.Config{BacklogRecords: 2000, Backlog: 30 * time.Minute, Rate: 20}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "connector.yaml")
	text := fmt.Sprintf(`
tenants:%s
source: {poll_interval: 500ms}
sink: {kind: stdout}
checkpoint: {kind: file, path: %s}
http: {listen: ""}
`, strings.ReplaceAll(stage.Tenant(emulator.DefaultTenantID, "contoso"), "{url}", server.URL), filepath.Join(dir, "state"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(stage.Binary(t), "run", "--config", file)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var event struct{ Name string }
	if err != nil || json.Unmarshal(line, &event) != nil || !strings.HasPrefix(event.Name, "Microsoft Management Activity: ") {
		t.Errorf("first line %q, %v", line, err)
	}
	_ = out.Close()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(log.String(), "nobody reads the standard output") {
		t.Errorf("ended with %v; log:\n%s", err, log.String())
	}
}
