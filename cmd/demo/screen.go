package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"o365-kafka-connector/internal/audit"
)

// screen prints lines, and on a terminal keeps the status of the streams below them.
type screen struct {
	live  bool // out is a terminal
	width int

	mu     sync.Mutex // guards the following
	out    io.Writer
	status []string // as it stands on the terminal
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out, width: 120}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.live = true
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			s.width = width
		}
	}
	return s
}

// line prints a line above the status.
func (s *screen) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live {
		fmt.Fprintln(s.out, strings.TrimRight(text, " "))
		return
	}
	fmt.Fprintln(s.out, s.erase()+s.cut(text))
	s.paint()
}

// show replaces the status.
func (s *screen) show(streams []audit.StreamStatus) {
	if !s.live {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprint(s.out, s.erase())
	s.status = []string{fmt.Sprintf("%-26s %-12s %10s %10s %8s %8s", "stream", "state", "records", "records/s", "backlog", "lag")}
	for _, st := range streams {
		s.status = append(s.status, fmt.Sprintf("%-26s %-12s %10d %10.0f %8d %7.0fs",
			st.ContentType, st.State, st.RecordsTotal, st.RecordsPerSecond, st.BacklogBlobs, st.LagSeconds))
	}
	s.paint()
}

// clear takes the status away.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprint(s.out, s.erase())
	s.status = nil
}

// erase returns what moves the cursor to the first line of the status and wipes everything below.
func (s *screen) erase() string {
	if len(s.status) == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r\x1b[J", len(s.status))
}

func (s *screen) paint() {
	for _, text := range s.status {
		fmt.Fprintln(s.out, "\x1b[7m"+s.cut(text)+"\x1b[0m")
	}
}

func (s *screen) cut(text string) string {
	if runes := []rune(text); len(runes) > s.width {
		return string(runes[:s.width])
	}
	return text
}
