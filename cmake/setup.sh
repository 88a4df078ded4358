#!/usr/bin/env bash
# From a bare Debian 12 to a tunnel that works: installs the packages, builds, and shows the main job on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. cmake/packages.sh
# shellcheck disable=SC2086  # a list of words
install_packages $build_packages
cmake --preset release -DCHUANTOU_BENCH=OFF >/dev/null
cmake --build --preset release
exec examples/demo.sh build/release/bin
