#!/usr/bin/env bash
# A remote desktop through the tunnel. Try it (a private Xvnc; the viewer opens where you have a display):
#
#   examples/vnc.sh build/release/bin
#
# With your own machines: `ctc run --id B --allow 5900` there, and here
#   ctc run --id A -L 5900:B:5900 &    vncviewer localhost::5900
. "$(dirname "$0")/tunnel.sh"
find_programs "${1:-}"
command -v Xvnc >/dev/null || fail "Xvnc is missing: apt install tigervnc-standalone-server tigervnc-viewer"

service=$(free_port)
start xvnc bash -c "exec Xvnc -displayfd 3 -rfbport $service -localhost -SecurityTypes None -geometry 1024x768 3>'$work/display'"
await xvnc 'Listening for VNC connections' >/dev/null
tunnel "$service"
port=$(local_port "$service")

if [ -n "${DISPLAY:-}" ] && command -v vncviewer >/dev/null; then
  vncviewer "127.0.0.1::$port"
else
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  IFS= read -r -t 10 banner <&3 || fail "no VNC server answered"
  echo "the desktop beside B answers through port $port: $banner"
  echo "no display here; elsewhere: vncviewer 127.0.0.1::$port"
fi
