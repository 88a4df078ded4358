# shellcheck shell=bash
# Sourced by the examples: a server and two clients on this machine, on ports that are free, gone when the script ends.
#
#   find_programs [BIN]        sets bin, the folder with cts and ctc
#   start NAME COMMAND…        in the background; its output is in $work/NAME.out and $work/NAME.err
#   await NAME REGEX           waits for a line of its output and prints it
#   free_port                  prints one
#   server                     sets url and token
#   offer PORT…                client B, which offers these ports
#   reach PORT…                client A with a proxy to each of B's ports
#   tunnel PORT…               all three
#   local_port PORT            prints A's port that leads to B's PORT

set -euo pipefail

work=$(mktemp -d)
pids=()

finish() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
  echo "$*" >&2
  exit 1
}

find_programs() {
  local root folder
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  for folder in "${1:-}" "$root/build/release/bin" "$root/build/dev/bin" "$(dirname "$(command -v ctc || echo /)")"; do
    if [ -n "$folder" ] && [ -x "$folder/ctc" ] && [ -x "$folder/cts" ]; then
      bin=$folder
      return
    fi
    [ -z "${1:-}" ] || break
  done
  fail "cts and ctc are not in ${1:-$root/build/release/bin}; build them, or name their folder as the first argument"
}

start() {
  local name=$1
  shift
  : >"$work/$name.out" # there before the program is, so that await finds them
  : >"$work/$name.err"
  "$@" >"$work/$name.out" 2>"$work/$name.err" &
  pids+=($!)
}

await() {
  local name=$1 line tries=0
  until line=$(grep -m1 -E "$2" "$work/$name.out" "$work/$name.err" -h); do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ]; then
      cat "$work/$name.err" >&2
      fail "$name did not say \"$2\" within 10 s"
    fi
    sleep 0.05
  done
  echo "$line"
}

free_port() {
  local port
  while true; do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

server() {
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  start cts "$bin/cts" run --host 127.0.0.1 --port 0 --token "$token" --data-dir "$work/cts.state"
  url="ws://$(await cts '^listening on ' | sed 's/listening on //')"
}

offer() {
  start b "$bin/ctc" run --server "$url" --token "$token" --id B --port 0 --data-dir "$work/b.state" --allow "$(IFS=,; echo "$*")"
  await b '^registered as B$' >/dev/null
}

reach() {
  local port specs=()
  for port in "$@"; do specs+=(-L "0:B:$port"); done
  start a "$bin/ctc" run --server "$url" --token "$token" --id A --port 0 --data-dir "$work/a.state" "${specs[@]}"
  await a '^registered as A$' >/dev/null
}

tunnel() {
  server
  offer "$@"
  reach "$@"
}

local_port() {
  await a "^proxy .* -> B:$1\$" | sed -E 's/^proxy .*:([0-9]+) -> .*/\1/'
}
