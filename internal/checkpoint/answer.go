package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxAnswer bounds what is kept of one answer, in bytes.
const maxAnswer = 8 << 20

// ErrAnswerTooLarge means that an answer is not kept, since it takes more than 8 MiB: whoever repeats the command is
// told something shorter.
var ErrAnswerTooLarge = errors.New("answer is too large to be kept")

func encodeAnswer(answer [][]byte, ttl time.Duration) ([]byte, error) {
	if ttl < time.Millisecond {
		return nil, fmt.Errorf("store answer: it would be kept for %s", ttl)
	}
	size := 0
	for _, message := range answer {
		size += len(message)
	}
	if size > maxAnswer {
		return nil, fmt.Errorf("store answer of %d bytes: %w", size, ErrAnswerTooLarge)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return text, nil
}

func decodeAnswer(text []byte) ([][]byte, error) {
	var answer [][]byte
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fault(fmt.Errorf("decode answer: %w", err),
			"another program wrote it: set another checkpoint.key_prefix, or send the command again with another id")
	}
	return answer, nil
}

// checkClaim refuses a claim that nobody could hold.
func checkClaim(token string, lease time.Duration) error {
	if token == "" || lease < time.Millisecond {
		return fmt.Errorf("claim command: token %q, lease %s", token, lease)
	}
	return nil
}
