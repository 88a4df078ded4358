#!/usr/bin/env bash
# OpenSSH through the tunnel: log in to client B's machine from client A. Try it (a private sshd, its keys made for this run):
#
#   examples/ssh.sh build/release/bin                   # runs a command there
#   examples/ssh.sh build/release/bin bash -i           # or another one
#
# With your own machines: `ctc run --id B --allow 22` there, and here
#   ctc run --id A -L 2222:B:22 &    ssh -p 2222 you@localhost
. "$(dirname "$0")/tunnel.sh"
find_programs "${1:-}"
shift || true
sshd=$(command -v sshd || echo /usr/sbin/sshd)
[ -x "$sshd" ] || fail "sshd is missing: apt install openssh-server"

ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$work/user_key"
service=$(free_port)
cat >"$work/sshd_config" <<EOF
ListenAddress 127.0.0.1:$service
HostKey $work/host_key
AuthorizedKeysFile $work/user_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
EOF
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd # where sshd locks itself in before the login
start sshd "$sshd" -D -e -f "$work/sshd_config"
await sshd 'Server listening' >/dev/null

tunnel "$service"
echo "localhost:$service" "$(cut -d' ' -f1,2 "$work/host_key.pub")" | sed -E 's/^localhost:[0-9]+/b-through-chuantou/' >"$work/known_hosts"
[ $# -gt 0 ] || set -- 'echo "logged in as $(id -un) on $(uname -n), from $SSH_CONNECTION"'
ssh -p "$(local_port "$service")" -i "$work/user_key" -o UserKnownHostsFile="$work/known_hosts" \
  -o HostKeyAlias=b-through-chuantou -o IdentitiesOnly=yes -o BatchMode=yes "$(id -un)@127.0.0.1" "$@"
