// Command chaos harms connectors, Kafka, Redis and the links between them for a while, and tells whether every record was
// delivered exactly once. See internal/chaos.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"o365-kafka-connector/internal/chaos"
)

func main() { os.Exit(run()) }

func run() int {
	o := chaos.Options{Out: os.Stdout}
	flag.Uint64Var(&o.Seed, "seed", 0, "of the schedule; 0: any")
	flag.DurationVar(&o.Duration, "duration", 10*time.Minute, "how long there are faults")
	flag.Float64Var(&o.Rate, "rate", 60, "records per second")
	flag.StringVar(&o.Delivery, "delivery", "exactly-once", "kafka.delivery of the connectors")
	flag.BoolVar(&o.Drop, "drop", false, "dedupe.records of the connectors is drop")
	flag.StringVar(&o.Connector, "connector", "", "program to test; empty: it is built")
	flag.Parse()
	if o.Seed == 0 {
		o.Seed = 1 + rand.Uint64N(1_000_000)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	again := fmt.Sprintf("make chaos DURATION=%s SEED=%d", o.Duration, o.Seed)
	if o.Drop {
		again += " CHAOS=-drop"
	}
	fmt.Printf("seed %d: %s\n", o.Seed, again)
	report, err := chaos.Run(ctx, o)
	fmt.Print("\n", report)
	if err != nil {
		fmt.Fprintf(os.Stderr, "chaos: %v\nlogs are in %s\n", err, report.Dir)
		return 1
	}
	if !report.Verdict.Good() {
		return 1
	}
	return 0
}
