package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"o365-kafka-connector/internal/txn"
)

const (
	// maxKept bounds an answer that is remembered, and what of it waits in memory. A longer one is sent while it is
	// made, and made again for a command that is repeated: only commands that read have such.
	maxKept = 2 << 20
	// maxKeptReading is the same for commands that read, which can be done again at any time: their answers would fill
	// the store.
	maxKeptReading = 64 << 10
	finishTries    = 5 // before a command is answered although its answer cannot be remembered
)

// answer is the reply to one command in the making. One goroutine uses it.
type answer struct {
	generation *generation
	command    Command
	key        string // in the store, with token
	token      string
	claimed    bool
	took       time.Duration

	held    *Reply // the newest part, which may be the last one
	parts   int    // numbered so far
	kept    [][]byte
	size    int
	sending bool // too long to be kept
	outcome Outcome
	code    string
}

func (n *generation) newAnswer(c Command) *answer { return &answer{generation: n, command: c} }

// emit adds a part.
func (a *answer) emit(ctx context.Context, r Reply) error {
	whole := complete(a.command, r)
	parts, err := Split(whole, MaxPart)
	if err != nil {
		return err
	}
	a.outcome, a.code = whole.Outcome, ""
	if whole.Error != nil {
		a.code = whole.Error.Code
	}
	for i := range parts {
		if a.held != nil {
			if err := a.push(ctx, *a.held); err != nil {
				return err
			}
		}
		a.held = &parts[i]
	}
	return nil
}

func (a *answer) push(ctx context.Context, r Reply) error {
	a.parts++
	r.Part = a.parts
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write reply: %w", err)
	}
	a.kept = append(a.kept, value)
	a.size += len(value)
	if a.size > maxKept || a.command.Name.Reads() && a.size > maxKeptReading {
		a.sending = true
	}
	if !a.sending {
		return nil
	}
	return a.send(ctx)
}

// send publishes what is kept.
func (a *answer) send(ctx context.Context) error {
	for _, value := range a.kept {
		if err := a.generation.reply(ctx, a.command, value); err != nil {
			return err
		}
	}
	a.kept = nil
	return nil
}

// finish ends the answer, with an error as its last part, remembers and sends it. Nil means that the reply was written.
func (a *answer) finish(ctx context.Context, problem error) error {
	n := a.generation
	ctx, cancel := n.grace(ctx)
	defer cancel()
	switch {
	case problem != nil:
		if err := a.emit(ctx, ErrorReply(a.command, problem)); err != nil {
			return err
		}
	case a.held == nil:
		if err := a.emit(ctx, Reply{Outcome: OutcomeDone}); err != nil {
			return err
		}
	}
	a.held.Last = true
	if err := a.push(ctx, *a.held); err != nil {
		return err
	}
	if err := a.remember(ctx); err != nil {
		return err
	}
	if err := a.send(ctx); err != nil {
		return err
	}
	attrs := []slog.Attr{slog.Int("parts", a.parts)}
	if a.code != "" {
		attrs = append(attrs, slog.String("code", a.code))
	}
	if a.took > 0 {
		attrs = append(attrs, slog.Duration("took", a.took))
	}
	n.tell(ctx, a.command, a.outcome, attrs...)
	return nil
}

// remember stores the answer of a command that was claimed.
func (a *answer) remember(ctx context.Context) error {
	n := a.generation
	if !a.claimed {
		return nil
	}
	if a.sending {
		n.abandon(ctx, a)
		return nil
	}
	first, err := json.Marshal(mark{markOf(a.command)})
	if err != nil {
		return fmt.Errorf("write mark of answer: %w", err)
	}
	stored := append([][]byte{first}, a.kept...)
	pace := txn.Pace()
	for try := 1; ; try++ {
		err := n.options.Answers.FinishAnswer(ctx, a.key, stored, n.answerAge(a.command))
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errors.Join(ctx.Err(), err)
		case try == finishTries:
			n.log.Warn("answer cannot be remembered: the command would be done again if it were repeated",
				"id", a.command.ID, "command", string(a.command.Name), "error", err)
			return nil
		}
		if err := sleep(ctx, pace.NextBackOff()); err != nil {
			return err
		}
	}
}

// answerAge is how long an answer is kept: longer than any copy of its command can live.
func (n *generation) answerAge(c Command) time.Duration {
	maxAge := n.config.MaxAge.D()
	return max(2*maxAge, min(time.Until(c.Deadline(maxAge)), max(maxLife, maxAge))+maxAge)
}

// mark stands before an answer in the store and says what it was given to.
type mark struct {
	Of string `json:"of"`
}

// markOf tells commands apart that have the same id.
func markOf(c Command) string {
	c.Arguments.Typed = "" // the same in other letters
	arguments, _ := json.Marshal(c.Arguments.Wire())
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s", c.Name, c.Tenant, arguments))
	return hex.EncodeToString(sum[:16])
}
