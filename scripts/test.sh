#!/usr/bin/env bash
# All tests: unit ones, these again on copies with mistakes, then kernel and end-to-end ones, which make their own
# network namespaces. The last line is the totals of all of them, such as "123 passed, 0 failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --test
export PATH="$PWD/node_modules/.bin:$PATH"

reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

if [ ! -d ../shared/data ]; then
  echo "test: ../shared/data is not there; tests that compare with it do not run" >&2
fi

# The projects run one after the other: kernel and end-to-end tests measure time. A failure is in the report.
for project in unit mutation kernel e2e; do
  echo "test: $project tests" >&2
  vitest run --project "$project" --reporter=default --reporter=json \
    --outputFile.json="$reports/$project.json" </dev/null || true
done

node scripts/test-totals.ts "$reports"/{unit,mutation,kernel,e2e}.json
