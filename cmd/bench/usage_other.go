//go:build !unix

package main

import "errors"

func ownUsage() (usage, error) { return usage{}, errors.New("usage is told on Unix only") }
