// Package model is the delivery protocol as a small state machine, and a randomized test of it.
package model
