# syntax=docker/dockerfile:1

# Static programs in images without a shell or a package manager:
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t connector .
#   docker build --target emulator -t emulator .

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
ENV GOCACHE=/cache
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS=linux
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/connector ./cmd/emulator

# CA certificates, /tmp for large blobs and a user without rights, and nothing else.
FROM gcr.io/distroless/static-debian12:nonroot AS base
USER 65532:65532

FROM base AS emulator
COPY --from=build /out/emulator /emulator
EXPOSE 8880
ENTRYPOINT ["/emulator"]
CMD ["--listen", "0.0.0.0:8880"]

# Without a shell there is no HEALTHCHECK: ask http://HOST:8080/healthz and /readyz from outside.
FROM base AS connector
COPY --from=build /out/connector /connector
ENV CONNECTOR_CONFIG=/etc/connector/connector.yaml
EXPOSE 8080
ENTRYPOINT ["/connector"]
CMD ["run"]
