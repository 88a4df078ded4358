#!/usr/bin/env bash
# The main job on one machine: a web service beside client B, opened from client A through the server. Try it:
#
#   examples/demo.sh build/release/bin
. "$(dirname "$0")/tunnel.sh"
find_programs "${1:-}"

# The service that only B can reach: Python's where there is one, else the example that lives inside a client.
server
if command -v python3 >/dev/null; then
  service=$(free_port)
  mkdir "$work/web"
  echo "Hello from the service beside B." >"$work/web/index.html"
  start web python3 -u -m http.server --bind 127.0.0.1 --directory "$work/web" "$service"
  await web 'Serving HTTP' >/dev/null
  offer "$service"
  expected=$(cat "$work/web/index.html")
else
  service=3000
  start b "$bin/http_service" "$url" B "$service" "$token"
  await b '^serving B' >/dev/null
  expected="A asked: GET / HTTP/1."
fi
reach "$service"
port=$(local_port "$service")

echo "server     $(await cts '^listening on ')"
echo "client B   offers its port $service"
echo "client A   $(await a '^proxy ')"
echo
echo "\$ curl http://127.0.0.1:$port/"
if command -v curl >/dev/null; then
  answer=$(curl -sS --max-time 10 "http://127.0.0.1:$port/")
else
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
  answer=$(timeout 10 tail -n 1 <&3)
fi
echo "$answer"
case $answer in
  "$expected"*) ;;
  *) fail "that is not what the service says" ;;
esac
echo
echo "\$ ctc ping B"
"$bin/ctc" ping B --count 3 --interval 100 --data-dir "$work/a.state"
echo
echo "\$ ctc status"
"$bin/ctc" status --data-dir "$work/a.state"
