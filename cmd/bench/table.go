package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// results are all measures, in the order in which they were taken.
type results []measure

// The aims, as docs/benchmark.md explains them.
const (
	aimRaw        = 5.5 // CPU-seconds per million records without compression
	aimIncident   = 9
	aimCPURatio   = 1.3 // of the bare loop with compression
	aimSpeedRatio = 0.65
	aimRSS        = 40e6 + 32<<20
	aimBigBlob    = 10e6
)

// of returns the measures of a cell.
func (r results) of(c cell) results {
	return slices.DeleteFunc(slices.Clone(r), func(m measure) bool { return m.cell != c })
}

// cells returns each cell once.
func (r results) cells() []cell {
	var all []cell
	for _, m := range r {
		if !slices.Contains(all, m.cell) {
			all = append(all, m.cell)
		}
	}
	return all
}

// median of a figure over the rounds.
func (r results) median(figure func(measure) float64) float64 {
	values := make([]float64, len(r))
	for i, m := range r {
		values[i] = figure(m)
	}
	return median(values)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// printer writes lines and remembers the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// print writes the tables, as Markdown.
func (r results) print(out io.Writer, o options) error {
	p := &printer{out: out}
	p.line("\n%s, %d cores, %s, %d records of %d bytes in %d streams, %d rounds\n", time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), runtime.Version(), o.Records, o.RecordBytes, o.ContentTypes, o.Rounds)
	p.line("| what | records | records/s | CPU-s per million | peak RSS, MB |")
	p.line("| --- | ---: | ---: | ---: | ---: |")
	for _, c := range r.cells() {
		m := r.of(c)
		p.line("| %s | %d | %.0f | %.2f | %.1f |", c.name(), m[0].records, m.median(measure.perSecond),
			m.median(measure.cpuPerMillion), m.median(measure.rssMB))
	}
	r.compare(p)
	return p.err
}

// compare holds each pipeline against the bare loop of the same rounds.
func (r results) compare(p *printer) {
	p.line("\n| pipeline | CPU-s per million | bare loop's | CPU ratio | speed ratio | peak RSS, MB | aims |")
	p.line("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
	for _, c := range r.cells() {
		if c.role != rolePipeline {
			continue
		}
		bare := c
		bare.role = roleBare
		ours, floor := r.of(c), r.of(bare)
		if len(floor) != len(ours) {
			p.line("| %s, %d records | %.2f | | | | %.1f | %s |", c.name(), ours[0].records,
				ours.median(measure.cpuPerMillion), ours.median(measure.rssMB), told(append(memoryAims(ours), r.blobAims(ours)...)))
			continue
		}
		cpu, speed := ours.ratios(floor, measure.cpuPerMillion), ours.ratios(floor, measure.perSecond)
		p.line("| %s | %.2f | %.2f | %.2f | %.2f | %.1f | %s |", c.name(), ours.median(measure.cpuPerMillion),
			floor.median(measure.cpuPerMillion), cpu, speed, ours.median(measure.rssMB),
			told(append(speedAims(ours, cpu, speed), memoryAims(ours)...)))
	}
}

// ratios returns the median of the ratios, round by round: the machine's load differs between rounds.
func (r results) ratios(floor results, figure func(measure) float64) float64 {
	values := make([]float64, len(r))
	for i := range r {
		values[i] = figure(r[i]) / figure(floor[i])
	}
	return median(values)
}

// aim is something to reach.
type aim struct {
	text string
	met  bool
}

func speedAims(ours results, cpu, speed float64) []aim {
	c := ours[0].cell
	aims := []aim{{"speed", speed >= aimSpeedRatio}}
	if c.compression == "none" {
		limit := float64(aimRaw)
		if c.format == "incident" {
			limit = aimIncident
		}
		return append(aims, aim{"CPU", ours.median(measure.cpuPerMillion) <= limit})
	}
	return append(aims, aim{"CPU", cpu <= aimCPURatio})
}

func memoryAims(ours results) []aim {
	return []aim{{"RSS", ours.median(measure.rssMB)*1e6 <= aimRSS}}
}

// blobAims holds a backlog with a large blob against the same one without.
func (r results) blobAims(ours results) []aim {
	without := ours[0].cell
	without.backlog.Big = false
	base := r.of(without)
	if !ours[0].cell.backlog.Big || len(base) == 0 {
		return nil
	}
	return []aim{{"large blob", (ours.median(measure.rssMB)-base.median(measure.rssMB))*1e6 <= aimBigBlob}}
}

func told(aims []aim) string {
	text := ""
	for _, a := range aims {
		word := "missed"
		if a.met {
			word = "met"
		}
		text += fmt.Sprintf("%s %s, ", a.text, word)
	}
	return text[:max(len(text)-2, 0)]
}
