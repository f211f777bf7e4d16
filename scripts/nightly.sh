#!/usr/bin/env bash
# Every cell of the truth tables of policies, with real packets: through the nft table, and through iptables on both
# engines of the kernel: `npm test` tries a sample of the same; some 4 minutes. Then everything that is tried with a real
# Neutron, with its own suites: some 15 minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --test
export PATH="$PWD/node_modules/.bin:$PATH"

if [ ! -d ../shared/data ]; then
  echo "nightly: the truth tables are not there: ../shared/data" >&2
  exit 1
fi

ROMANA_TRUTH=all vitest run --project kernel test/kernel/policy-truth-packets.test.ts </dev/null
scripts/openstack.sh
