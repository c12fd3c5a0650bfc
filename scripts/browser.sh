#!/usr/bin/env bash
# The browser that tests/ui looks through: Debian's chromium, installed where there is none. Needs root then.
set -euo pipefail
if command -v chromium >/dev/null 2>&1; then
  echo "browser: $(chromium --version --no-sandbox 2>/dev/null | head -1)"
elif command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "browser: installing Debian's chromium"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
else
  echo "browser: no chromium, and no root to install Debian's; tests/ui says so and is skipped" >&2
fi
