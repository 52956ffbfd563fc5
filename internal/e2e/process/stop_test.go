package process

import (
	"syscall"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// SIGTERM ends the process within its grace, whatever hangs: Kafka and Redis take connections, and answer nothing, from
// before the start on or under load.
func TestGraceIsKeptWhileServicesHang(t *testing.T) {
	t.Parallel()
	const grace, slack = 4 * time.Second, 2 * time.Second
	kafka, redis := testbed.OwnKafka(t), testbed.OwnRedis(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{Rate: 200, RecordsPerBlob: blobRecords}, Kafka: kafka.Addresses(), Redis: redis.Addr,
		Settings: "source: {poll_interval: 1s, timeout: 5s}\nshutdown: {grace: 4s}\n",
	})
	for name, hang := range map[string]func(*stage.Connector){
		"all, before the start": func(*stage.Connector) { time.Sleep(time.Second) },
		"all, under load":       func(*stage.Connector) { pauseAll(t, kafka, redis) },
		"Kafka":                 func(*stage.Connector) { must(t, kafka.Pause()) },
		"Redis":                 func(*stage.Connector) { must(t, redis.Pause()) },
		"the API": func(*stage.Connector) {
			must(t, s.API.SetFaults(emulator.Fault{Kind: emulator.Slow}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.In(t)
			early := name == "all, before the start"
			if early {
				pauseAll(t, kafka, redis)
			}
			c := s.Start("one", "")
			if !early {
				await(s, c, s.Tally.Total()+300)
			}
			hang(c)
			time.Sleep(300 * time.Millisecond) // for requests that now get no answer
			began := time.Now()
			_ = c.End(syscall.SIGTERM) // an end that took too long is told as one
			if took := time.Since(began); took > grace+slack {
				t.Errorf("it took %s\n%s", took, c.Tail())
			}
			must(t, kafka.Resume())
			must(t, redis.Resume())
			must(t, s.API.SetFaults())
		})
	}
}

func pauseAll(t *testing.T, kafka *testbed.Broker, redis *testbed.Server) {
	t.Helper()
	must(t, kafka.Pause())
	must(t, redis.Pause())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
