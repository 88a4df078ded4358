#!/usr/bin/env bash
# run.sh BUILD_FOLDER SOURCE_FOLDER: installs into a folder of its own and builds a C++17 program in three ways.
set -euo pipefail
build=$1 source=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >/dev/null
for file in bin/cts bin/ctc include/chuantou/chuantou.hpp; do
  [ -e "$work/prefix/$file" ] || { echo "not installed: $file"; exit 1; }
done

echo "find_package"
cmake -S "$here/consumer" -B "$work/found" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/found" >/dev/null
"$work/found/consumer"

echo "pkg-config"
libdir=$(dirname "$(find "$work/prefix" -name chuantou.pc)")
flags=$(PKG_CONFIG_PATH="$libdir" pkg-config --static --cflags --libs chuantou)
# shellcheck disable=SC2086  # a list of flags
"${CXX:-c++}" -std=c++17 "$here/consumer/main.cpp" -o "$work/by-pkg-config" $flags
"$work/by-pkg-config"

echo "add_subdirectory"
cmake -S "$here/consumer" -B "$work/part" -G Ninja -DCHUANTOU_SOURCE="$source" >/dev/null
cmake --build "$work/part" --target consumer >/dev/null
"$work/part/consumer"
