#!/usr/bin/env bash
# Tests with real clusters of Kubernetes in namespaces; arguments are for vitest, such as a file. The first run on a
# machine builds Kubernetes from its Go modules: some 5 minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --clusters
export PATH="$PWD/node_modules/.bin:$PATH"

vitest run --project kubernetes "$@" </dev/null
