#!/usr/bin/env bash
# Builds and runs the tests: tests/run.sh [PRESET] [ctest options]. Presets: dev (default), asan, tsan, clang, portable.
# The long ones are left out; `tests/run.sh dev -L soak` runs them.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-dev}
[ $# -gt 0 ] && shift
. cmake/packages.sh
packages="$build_packages $(cat tests/integration/packages.txt tests/netlab/packages.txt | sort -u | tr '\n' ' ')"
# A newer Node.js than the distribution's brings npm along, and does not go with its package.
if command -v npm >/dev/null; then packages=$(printf '%s\n' $packages | grep -vxE 'nodejs|npm' | tr '\n' ' '); fi
[ "$preset" = clang ] && packages="$packages clang libclang-rt-14-dev"
# shellcheck disable=SC2086  # a list of words
install_packages $packages
(cd tests/integration/peers && npm ci --ignore-scripts --no-audit --no-fund --silent)
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
options=(-LE soak)
[ $# -gt 0 ] && options=("$@")
# More tests than processors: most of their time they wait for the programs that they watch.
exec ctest --preset "$preset" -j "$(( $(nproc) + 1 ))" "${options[@]}"
