// Command demo runs the whole connector on one machine with nothing installed: an emulated Management Activity API,
// an embedded Kafka broker and an embedded Redis around the pipeline that runs in production. It prints the incidents
// that arrive on Kafka, and in the end compares them with what was offered.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command's flags.
type options struct {
	For     time.Duration `help:"End after this time; without it, Ctrl-C ends the demo." placeholder:"DURATION"`
	Records int           `help:"Records that wait in the backlog at the start." default:"5000"`
	Rate    float64       `help:"New records per second." default:"50"`
	Faults  bool          `help:"Have the API misbehave: bursts of 429, 403 and 5xx, cut and slow bodies, late blobs, tiny pages, short tokens."`
	Format  string        `help:"Format of the messages on Kafka: ${enum}. The lines shown are the same." enum:"incident,raw" default:"incident"`
	Seed    uint64        `help:"Another seed gives other records." default:"1"`
	Verbose bool          `help:"Show the connector's log on standard error." short:"v"`
}

// Validate refuses what makes no sense.
func (o *options) Validate() error {
	if o.For < 0 || o.Records < 0 || o.Rate < 0 {
		return errors.New("durations and numbers must not be negative")
	}
	return nil
}

// drainFor is how long the demo waits for what was offered and has not arrived.
const drainFor = 20 * time.Second

func main() {
	var o options
	parser := kong.Must(&o, kong.Name("demo"), kong.Description("Run the connector with everything embedded."))
	if _, err := parser.Parse(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the demo at once
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// errLost ends the demo with status 1.
var errLost = errors.New("records were lost")

// run starts the services and the connector, shows what arrives, and sums up.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	log := slog.New(slog.DiscardHandler)
	if o.Verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	s, err := startServices(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	stage, err := newStage(s, log, out)
	if err != nil {
		return err
	}
	return stage.play(ctx, o.For)
}
