package control

import (
	"errors"
	"fmt"
	"strings"
)

// engineArguments belong to Cortex XSOAR's command line, not to the command: they are passed over, so that a line of a
// playbook can be sent as it is.
var engineArguments = map[string]bool{
	"using": true, "using-brand": true, "using-category": true, "raw-response": true, "extend-context": true,
	"ignore-outputs": true, "auto-extract": true, "execution-timeout": true, "retry-count": true,
	"retry-interval": true, "debug-mode": true, "outputkey": true,
}

// EngineArgument reports whether an argument belongs to Cortex XSOAR's command line and not to the command.
func EngineArgument(name string) bool { return engineArguments[name] }

// envelopeFields stand beside the arguments in a line, and around them in JSON.
var envelopeFields = []string{"id", "tenant", "expires", "issued_by", "reply_to"}

// parseLine reads "!command key=value …". A value may stand in double quotes, single quotes or backticks; inside double
// quotes a backslash takes the next character as it is.
func parseLine(line string) (envelope, error) {
	e := envelope{arguments: map[string]any{}, fields: map[string]string{}}
	words, err := splitLine(line)
	if err != nil {
		return e, invalid(err.Error())
	}
	for i, w := range words {
		if w.keyed {
			if err := e.take(w); err != nil {
				return e, err
			}
			continue
		}
		if i > 0 && (i > 1 || !strings.EqualFold(strings.TrimPrefix(words[0].value, "!"), "checkpoint")) {
			return e, invalid("word " + quote(w.value) + " has no name: write key=value, and values with spaces in quotes")
		}
		e.command = strings.TrimSpace(e.command + " " + w.value)
	}
	return e, nil
}

func (e *envelope) take(w word) error {
	if engineArguments[w.key] {
		return nil
	}
	if e.seen[w.key] {
		return invalid("argument " + quote(w.key) + " is given twice")
	}
	if e.seen == nil {
		e.seen = map[string]bool{}
	}
	e.seen[w.key] = true
	for _, name := range envelopeFields {
		if w.key == name {
			e.fields[name] = w.value
			return nil
		}
	}
	e.arguments[w.key] = w.value
	return nil
}

// SplitLine returns the words of such a line without their quotes.
func SplitLine(line string) ([]string, error) {
	words, err := splitLine(line)
	if err != nil {
		return nil, invalid(err.Error())
	}
	var out []string
	for _, w := range words {
		text := w.value
		if w.keyed {
			text = w.key + "=" + w.value
		}
		out = append(out, text)
	}
	return out, nil
}

// word is one part of a line.
type word struct {
	key, value string
	keyed      bool
}

func splitLine(line string) ([]word, error) {
	var words []word
	for rest := strings.TrimLeft(line, " \t\r\n"); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		var w word
		end := strings.IndexAny(rest, "= \t\r\n\"'`")
		if end > 0 && rest[end] == '=' {
			w.key, w.keyed, rest = rest[:end], true, rest[end+1:]
		}
		value, after, err := cutValue(rest)
		if err != nil {
			return nil, err
		}
		w.value = value
		if !w.keyed && value == "" {
			return nil, errors.New("a value has no name: write key=value")
		}
		words, rest = append(words, w), after
	}
	if len(words) == 0 {
		return nil, errors.New("the message is empty")
	}
	return words, nil
}

// cutValue takes a value, quoted or not, from the front of a text.
func cutValue(text string) (value, rest string, err error) {
	if text == "" || !strings.ContainsRune("\"'`", rune(text[0])) {
		end := strings.IndexAny(text, " \t\r\n")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], nil
	}
	mark := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && mark == '"' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == mark:
			if after := text[i+1:]; after != "" && !strings.ContainsRune(" \t\r\n", rune(after[0])) {
				return "", "", fmt.Errorf("a space is missing after the quoted value %s", quote(b.String()))
			}
			return b.String(), text[i+1:], nil
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", fmt.Errorf("the quote %c before %s is not closed", mark, quote(b.String()))
}
