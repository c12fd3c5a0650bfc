#!/usr/bin/env bash
# Fetches other people's verifiers (npm packages by their locked integrity, cosign and opa with Go) and runs tests/conformance.
set -euo pipefail
cd "$(dirname "$0")/.."
COSIGN_VERSION=v3.1.3
OPA_VERSION=v1.10.1
cache="${ATTESTFLOW_INTEROP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/attestflow-interop}"
required=""

if command -v npm >/dev/null 2>&1; then
  # The lock holds integrity and no addresses, so any registry that has these bytes will do.
  (cd tests/conformance/js && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  required="node"
else
  echo "interop: npm is not installed, so Sigstore's JavaScript verifier is left out" >&2
fi

if command -v go >/dev/null 2>&1; then
  bin="$cache/cosign-$COSIGN_VERSION"
  if [ ! -x "$bin/cosign" ]; then
    echo "interop: building cosign $COSIGN_VERSION once (about three minutes on two cores)" >&2
    GOBIN="$bin" GOFLAGS=-trimpath nice -n 10 go install "github.com/sigstore/cosign/v3/cmd/cosign@$COSIGN_VERSION"
  fi
  export PATH="$bin:$PATH"
  bin="$cache/opa-$OPA_VERSION"
  if [ ! -x "$bin/opa" ]; then
    echo "interop: building opa $OPA_VERSION once (about a minute on two cores)" >&2
    CGO_ENABLED=0 GOBIN="$bin" GOFLAGS=-trimpath nice -n 10 go install "github.com/open-policy-agent/opa@$OPA_VERSION"
  fi
  export PATH="$bin:$PATH"
  required="$required cosign opa"
else
  echo "interop: go is not installed, so cosign and opa are left out" >&2
fi

ATTESTFLOW_INTEROP_REQUIRED="$required" exec .venv/bin/python -m pytest -q tests/conformance "$@"
