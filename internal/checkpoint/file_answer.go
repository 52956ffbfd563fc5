package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// sweepAnswersEvery is how often answers that have expired are looked for.
const sweepAnswersEvery = time.Hour

// claim says who does a command. It ends with the process, which is the only one to do any.
type claim struct {
	token string
	until time.Time
}

// answerDocument is an answer in its file.
type answerDocument struct {
	Until  time.Time       `json:"until"`
	Answer json.RawMessage `json:"answer"`
}

// BeginAnswer claims the command, or reads its answer's file.
func (f *fileStore) BeginAnswer(ctx context.Context, id, token string, lease time.Duration) ([][]byte, string, error) {
	if err := errors.Join(ctx.Err(), checkClaim(token, lease)); err != nil {
		return nil, "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now, name := time.Now(), hashID(id)
	if err := f.sweepAnswers(now); err != nil {
		return nil, "", err
	}
	answer, done, err := f.readAnswer(name, now)
	if err != nil {
		return nil, "", err
	}
	if done {
		return answer, AnswerDone, nil
	}
	if held := f.claims[name]; held.token != token && now.Before(held.until) {
		return nil, AnswerRunning, nil
	}
	f.claims[name] = claim{token: token, until: now.Add(lease)}
	return nil, AnswerNew, nil
}

// FinishAnswer writes the answer's file, unless there is one.
func (f *fileStore) FinishAnswer(ctx context.Context, id string, answer [][]byte, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := encodeAnswer(answer, ttl)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now, name := time.Now(), hashID(id)
	if _, done, err := f.readAnswer(name, now); done || err != nil {
		return err
	}
	document, err := json.Marshal(answerDocument{Until: now.Add(ttl).UTC(), Answer: text})
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	if err := writeFileAt(f.answerPath(name), document); err != nil {
		return err
	}
	delete(f.claims, name)
	return nil
}

// AbandonAnswer forgets the claim.
func (f *fileStore) AbandonAnswer(ctx context.Context, id, token string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.claims[hashID(id)].token == token {
		delete(f.claims, hashID(id))
	}
	return nil
}

func (f *fileStore) answerPath(name string) string {
	return filepath.Join(f.directory, "answers", name+".json")
}

// readAnswer reads an answer that has not expired.
func (f *fileStore) readAnswer(name string, now time.Time) ([][]byte, bool, error) {
	text, err := readIfThere(f.answerPath(name))
	if err != nil || text == nil {
		return nil, false, err
	}
	until, answer, err := decodeAnswerFile(text)
	if err != nil || !now.Before(until) {
		return nil, false, err
	}
	return answer, true, nil
}

func decodeAnswerFile(text []byte) (time.Time, [][]byte, error) {
	var d answerDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return time.Time{}, nil, fault(fmt.Errorf("decode answer: %w", err),
			"delete the directory answers in checkpoint.path: commands that are sent twice may then be done twice")
	}
	answer, err := decodeAnswer(d.Answer)
	return d.Until, answer, err
}

// sweepAnswers deletes what has expired, once in a while.
func (f *fileStore) sweepAnswers(now time.Time) error {
	if now.Sub(f.swept) < sweepAnswersEvery {
		return nil
	}
	f.swept = now
	maps.DeleteFunc(f.claims, func(_ string, c claim) bool { return !now.Before(c.until) })
	list, err := os.ReadDir(filepath.Join(f.directory, "answers"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileFault("read answers", err)
	}
	for _, entry := range list {
		path := filepath.Join(f.directory, "answers", entry.Name())
		text, err := readIfThere(path)
		if err != nil {
			return err
		}
		until, _, err := decodeAnswerFile(text)
		if err != nil || now.Before(until) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fileFault("delete answer", err)
		}
	}
	return nil
}
