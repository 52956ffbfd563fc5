// Command bench measures the connector: it moves a backlog of records from the emulator to a real Kafka with a real
// Redis beside it, and in the same minutes measures what the parts of that cannot do without: the same blobs only
// downloaded, the same events only produced, and a bare loop of download, cut and produce. docs/benchmark.md explains
// the figures.
//
// Emulator, pipeline and floors are processes of their own, so that CPU time and memory are told apart. Each is this
// program again, with a role given in the environment.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command's flags.
type options struct {
	Records      int           `help:"Records of the backlog." default:"1000000"`
	RecordBytes  int           `help:"Average size of a record." default:"1500"`
	BlobRecords  []int         `help:"Records per blob." default:"1000,100"`
	ContentTypes int           `help:"Streams that the records are spread over, 1 to 5." default:"5"`
	Format       []string      `help:"Formats: raw, incident." default:"raw,incident" enum:"raw,incident"`
	Compression  []string      `help:"Compressions: none, gzip, snappy, lz4, zstd." default:"none,zstd" enum:"none,gzip,snappy,lz4,zstd"`
	Only         string        `help:"Run only what has this in its name, e.g. pipeline/raw." placeholder:"NAME"`
	Rounds       int           `help:"How often everything is measured; the tables show medians." default:"1"`
	Quick        bool          `help:"100,000 records, for a first look."`
	Memory       bool          `help:"Also measure the memory of a fifth of the records and of a 60 MB blob." default:"true" negatable:""`
	Warm         bool          `help:"Warm Kafka up before measuring." default:"true" negatable:""`
	Workers      int           `help:"Goroutines of the floors." default:"4"`
	Limit        time.Duration `help:"End after this time, whatever is still to do." default:"1h"`
	CPUProfile   string        `name:"cpuprofile" help:"Directory for CPU profiles of the pipeline." type:"path" placeholder:"DIR"`
	MemProfile   string        `name:"memprofile" help:"Directory for heap profiles of the pipeline." type:"path" placeholder:"DIR"`
	Instances    []int         `help:"Measure so many instances that share the streams of several tenants, and how they take over from each other, instead of all else."`
	Deliveries   bool          `help:"Hold exactly-once against at-least-once, in as many pairs as there are rounds, instead of all else."`
	Lone         int           `help:"Lone blobs whose latency is measured for each delivery." default:"50"`
	Tenants      int           `help:"Tenants that instances share, with all their content types." default:"3"`
	Embedded     bool          `help:"Run the pipeline inside of this program instead of building the connector; implied by profiles."`
	Config       string        `help:"YAML merged by appending to the pipeline's configuration, e.g. 'log: {level: debug}'."`
	Verbose      bool          `help:"Show the processes' logs on standard error." short:"v"`
}

func main() {
	if role := os.Getenv(envRole); role != "" {
		exit(play(role))
		return
	}
	var o options
	kong.Parse(&o, kong.Name("bench"), kong.Description("Measure the connector against its floors, on a real Kafka and Redis."))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
