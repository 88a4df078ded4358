# Sourced by setup.sh and tests/run.sh: installs what is missing of the named packages of the distribution.

build_packages="g++ cmake ninja-build pkg-config ccache libasio-dev libwebsocketpp-dev rapidjson-dev libfmt-dev libssl-dev
  libminiupnpc-dev
  libspdlog-dev libcli11-dev libtomlplusplus-dev catch2 curl"

install_packages() {
  local missing=() name as_root=()
  for name in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}\n' "$name" 2>/dev/null | grep -q '^ii' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  echo "installing: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -qq
  # Services that come with packages must not start: the tests start their own, on ports of their own.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
