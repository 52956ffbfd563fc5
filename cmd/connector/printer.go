package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
)

// printer prints the answer of a command: the text for people, or the context alone.
type printer struct {
	env   *environment
	json  bool
	quiet bool // nobody wants the text beside json

	mu       sync.Mutex // guards the following
	contexts []json.RawMessage
	records  int  // of a list of content that is being printed
	open     bool // that list is
	newline  bool // text ended without one
	drawn    bool // a line of progress stands on the terminal
	told     time.Time
}

// part prints one part of the answer. A list of content is printed while it comes.
func (p *printer) part(r control.Reply) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	if !p.json {
		return p.text(p.env.stdout, r.HumanReadable)
	}
	if !p.quiet {
		if err := p.text(p.env.stderr, r.HumanReadable); err != nil {
			return err
		}
	}
	if r.Command == string(control.ListContent) || strings.HasPrefix(string(r.Context), contentPrefix) {
		return p.content(r.Context)
	}
	p.contexts = append(p.contexts, r.Context)
	return nil
}

func (p *printer) text(w io.Writer, text string) error {
	if text == "" {
		return nil
	}
	p.newline = !strings.HasSuffix(text, "\n")
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}

// contentPrefix begins every part of a list of content.
const contentPrefix = `{"MicrosoftManagement":{"ContentRecord":[`

// content prints the records of one part of a list.
func (p *printer) content(part json.RawMessage) error {
	var answer struct {
		MicrosoftManagement struct{ ContentRecord []json.RawMessage }
	}
	if err := json.Unmarshal(part, &answer); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	var out strings.Builder
	if !p.open {
		p.open = true
		out.WriteString(contentPrefix)
	}
	for _, r := range answer.MicrosoftManagement.ContentRecord {
		if p.records++; p.records > 1 {
			out.WriteByte(',')
		}
		out.Write(r)
	}
	_, err := io.WriteString(p.env.stdout, out.String())
	return err
}

// finish prints what had to wait for the end.
func (p *printer) finish() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	if p.newline {
		if w := p.env.stdout; p.json {
			fmt.Fprintln(p.env.stderr)
		} else {
			fmt.Fprintln(w)
		}
	}
	switch {
	case p.open:
		_, err := io.WriteString(p.env.stdout, "]}}\n")
		return err
	case len(p.contexts) == 1:
		_, err := fmt.Fprintf(p.env.stdout, "%s\n", p.contexts[0])
		return err
	case len(p.contexts) > 1:
		return p.merged()
	}
	return nil
}

// merged prints contexts that came in parts as one.
func (p *printer) merged() error {
	var whole any
	for _, raw := range p.contexts {
		var part any
		if err := json.Unmarshal(raw, &part); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		whole = merge(whole, part)
	}
	if err := json.NewEncoder(p.env.stdout).Encode(whole); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}

// merge puts the lists of two parts together.
func merge(a, b any) any {
	switch b := b.(type) {
	case map[string]any:
		whole, ok := a.(map[string]any)
		if !ok {
			return b
		}
		for key, value := range b {
			whole[key] = merge(whole[key], value)
		}
		return whole
	case []any:
		if list, ok := a.([]any); ok {
			return append(list, b...)
		}
	}
	return b
}

// tellEvery is how often progress is told where no terminal can show it change.
const tellEvery = 10 * time.Second

// progress shows how far the command is, on standard error.
func (p *printer) progress(at command.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f, ok := p.env.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(f, "\r\033[K%s", bar(at))
		p.drawn = true
		return
	}
	if at.Total == 0 && time.Since(p.told) >= tellEvery {
		p.told = time.Now()
		fmt.Fprintf(p.env.stderr, "connector: %s\n", at.Text)
	}
}

// bar draws how far a command is.
func bar(at command.Progress) string {
	const width = 30
	if at.Total <= 0 {
		return at.Text
	}
	full := int(min(at.Done, at.Total) * width / at.Total)
	return fmt.Sprintf("[%s%s] %d/%d blobs, %s", strings.Repeat("=", full), strings.Repeat(" ", width-full), at.Done, at.Total, at.Text)
}

// wipe takes the line of progress away.
func (p *printer) wipe() {
	if p.drawn {
		fmt.Fprint(p.env.stderr, "\r\033[K")
		p.drawn = false
	}
}
