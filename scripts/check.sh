#!/usr/bin/env bash
# The gate: format, lint, types, layers, docs, unit tests; stops at the first fault. With --static it runs no
# other tests than those of layers and docs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
export PATH="$PWD/node_modules/.bin:$PATH"

step() {
  local name=$1
  shift
  echo "check: $name" >&2
  "$@" </dev/null || { echo "check: $name failed: $*" >&2; exit 1; }
}

step "format" biome format .
step "lint" oxlint --type-aware --deny-warnings
step "types" tsc -p tsconfig.json
step "architecture" vitest run --project unit --reporter=dot test/architecture.test.ts
step "docs" npm run --silent docs:check -- --reporter=dot
[ "${1:-}" = --static ] || step "unit tests" vitest run --project unit --reporter=dot
