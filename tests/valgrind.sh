#!/usr/bin/env bash
# The tests of the kernels under Valgrind: no invalid access, no use of what nobody wrote. Fewer cases than usual, since
# everything is some thirty times slower; PROPTEST_CASES says how many.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=$(cargo test --package parameternet-runtime --lib --locked --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
PROPTEST_CASES="${PROPTEST_CASES:-12}" valgrind --quiet --error-exitcode=1 --leak-check=no "$binary" kernels
