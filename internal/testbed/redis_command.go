package testbed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Command sends a command, words separated by blanks, and returns the answer: a string, a number, or the first line
// of anything else. An error answer is an error.
func (s *Server) Command(ctx context.Context, line string) (string, error) {
	return redisCommand(ctx, s.Addr, line)
}

func redisCommand(ctx context.Context, addr, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", fmt.Errorf("set deadline: %w", err)
	}
	if _, err := io.WriteString(conn, line+"\r\n"); err != nil {
		return "", fmt.Errorf("send %s: %w", line, err)
	}
	r := bufio.NewReader(conn)
	answer, err := r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read answer to %s: %w", line, err)
	}
	answer = strings.TrimSpace(answer)
	switch {
	case strings.HasPrefix(answer, "-"):
		return "", fmt.Errorf("%s: %w", line, redisError(answer[1:]))
	case strings.HasPrefix(answer, "$"):
		return bulk(r, answer[1:])
	default:
		return strings.TrimLeft(answer, "+:"), nil
	}
}

func bulk(r io.Reader, length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return "", err
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return string(text), err
}

// redisError is an error that the server answered.
type redisError string

func (e redisError) Error() string { return string(e) }

// ping returns nil once the server answers anything but that it is still loading its data.
func ping(ctx context.Context, addr string) error {
	_, err := redisCommand(ctx, addr, "PING")
	var refused redisError
	if errors.As(err, &refused) && !strings.HasPrefix(refused.Error(), "LOADING") {
		return nil // as NOAUTH does: it serves
	}
	return err
}

func dial(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return conn.Close()
}
