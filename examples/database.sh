#!/usr/bin/env bash
# PostgreSQL and Redis through the tunnel. Try it (private servers that are gone afterwards):
#
#   examples/database.sh build/release/bin
#
# With your own machines: `ctc run --id B --allow 5432,6379` there, and here
#   ctc run --id A -L 5432:B:5432 -L 6379:B:6379 &    psql -h localhost mydb    redis-cli
. "$(dirname "$0")/tunnel.sh"
find_programs "${1:-}"
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
for program in psql postgres initdb redis-server redis-cli; do
  command -v "$program" >/dev/null || fail "$program is missing: apt install postgresql redis"
done

# PostgreSQL refuses to run as root.
as_user=()
mkdir "$work/pg"
if [ "$(id -u)" = 0 ]; then
  as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  chown postgres "$work/pg"
  chmod 711 "$work"
fi
postgres_port=$(free_port)
redis_port=$(free_port)
(cd "$work/pg" && "${as_user[@]}" "$(command -v initdb)" -D "$work/pg/data" -U demo --auth=trust --no-sync >/dev/null)
start postgres "${as_user[@]}" "$(command -v postgres)" -D "$work/pg/data" -p "$postgres_port" -k "$work/pg" -c listen_addresses=127.0.0.1 -c fsync=off
start redis redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --dir "$work"
await postgres 'ready to accept connections' >/dev/null
await redis 'eady to accept connections' >/dev/null

tunnel "$postgres_port" "$redis_port"
echo "psql through port $(local_port "$postgres_port"):"
psql -h 127.0.0.1 -p "$(local_port "$postgres_port")" -U demo -d postgres -X \
  -c 'CREATE TABLE parts (name text, stock int)' -c "INSERT INTO parts VALUES ('bolt', 12), ('nut', 30)" -c 'SELECT * FROM parts'
echo "redis-cli through port $(local_port "$redis_port"):"
redis-cli -p "$(local_port "$redis_port")" SET greeting 'hello through the tunnel'
redis-cli -p "$(local_port "$redis_port")" GET greeting
