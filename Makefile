# Targets for people and for CI; `make help` lists them.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
BIN      := $(CURDIR)/.cache/bin
PACKAGES ?= ./...
RUN      ?= .
FOR      ?= 30s
FUZZTIME ?= 10s
DURATION ?= 10m
SEED     ?= 0

# Packages with calculations so long that the race detector watches only a part of them.
LONG := ./internal/model ./internal/pipeline ./internal/transform/ecs ./internal/transform/ocsf
# Those of them that are asked for, which are tested whole without it, too.
WHOLE := $(if $(filter ./...,$(PACKAGES)),$(LONG),$(filter $(LONG),$(PACKAGES)))

GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)

.DEFAULT_GOAL := help
.PHONY: help build test lint format bench chaos demo fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "%-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the connector, the emulator and the demo into bin/, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/connector ./cmd/emulator ./cmd/demo

test: ## vet, then all tests under the race detector, those on a real Kafka and Redis included (PACKAGES=./internal/sink RUN=TestX)
	$(GO) vet $(PACKAGES)
	$(GO) run ./internal/testbed/cmd/services $(GO) test -race -vet=off -timeout 15m -run '$(RUN)' $(PACKAGES)
ifneq ($(WHOLE),)
	$(GO) test -vet=off -timeout 15m -run '$(RUN)' $(WHOLE)
endif

lint: $(GOLANGCI) ## formatting, linters, go.mod
	$(GOLANGCI) run $(PACKAGES)
	$(GO) mod tidy -diff

format: $(GOLANGCI) ## format all Go files
	$(GOLANGCI) fmt

bench: ## measure the pipeline against its floors on a real Kafka; docs/benchmark.md explains the figures
	$(GO) run ./cmd/bench $(BENCH)

chaos: ## harm everything for DURATION (10m) by the schedule of SEED (0: any): nothing may be lost or repeated; docs/reliability.md
	$(GO) run ./cmd/chaos -duration $(DURATION) -seed $(SEED) $(CHAOS)

demo: ## run everything embedded, nothing to install (FOR=30s)
	$(GO) run ./cmd/demo --for $(FOR)

fuzz: ## run each fuzz test for FUZZTIME (10s)
	@set -e; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for name in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' $$package/*_test.go | cut -c6-); do \
			echo "$$package $$name"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$package; \
		done; \
	done

clean: ## remove what was built, tools included
	rm -rf bin dist .cache

# Built outside the module, so that go.mod names only what the program needs.
$(GOLANGCI):
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@
