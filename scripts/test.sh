#!/usr/bin/env bash
# All tests: unit ones, these again on copies with mistakes, then kernel and end-to-end ones, which make their own
# network namespaces. With ROMANA_CLUSTERS=all also those with real clusters of Kubernetes, which the first run on a
# machine builds. The last line is the totals of all of them, such as "123 passed, 0 failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

projects=(unit mutation kernel e2e)
setup=--test
if [ "${ROMANA_CLUSTERS:-}" = all ]; then
  projects+=(kubernetes)
  setup=--clusters
fi

scripts/setup.sh "$setup"
export PATH="$PWD/node_modules/.bin:$PATH"

reports=$(mktemp -d)
files=()
trap 'rm -rf "$reports"' EXIT

if [ ! -d ../shared/data ]; then
  echo "test: ../shared/data is not there; tests that compare with it do not run" >&2
fi

# The projects run one after the other: kernel and end-to-end tests measure time. A failure is in the report.
for project in "${projects[@]}"; do
  echo "test: $project tests" >&2
  files+=("$reports/$project.json")
  vitest run --project "$project" --reporter=default --reporter=json \
    --outputFile.json="$reports/$project.json" </dev/null || true
done

node scripts/test-totals.ts "${files[@]}"
