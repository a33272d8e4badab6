#!/bin/sh
# What taking runs in costs the collector: a fleet's backlog over OTLP/HTTP, durable in the journal
# and folded into availability, the collector on one core and its load on another.
#
# usage: ingest.sh [ROUNDS] [arguments of `ingest_load send`: --gzip, --full, --connections N …]
#   BASE=FILE   another bongsu-collector, measured in turn with this one
#   ROTEL=FILE  a rotel-agent, measured in turn with the same requests; it keeps nothing
#   AGENTS=40   agents of the fleet, in regions of five
#   CORES=0,1   the receiver's core and the load's
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
rounds=${1:-5}
[ $# -gt 0 ] && shift
agents=${AGENTS:-40}
rx=${CORES:-0,1}
tx=${rx#*,}
rx=${rx%,*}
port=24318

(cd "$top" && cargo build --quiet --profile dist --locked -p bongsu-collector --bins --example ingest_load)
ours=$top/target/dist/bongsu-collector
load=$top/target/dist/examples/ingest_load
work=$(mktemp -d)
receiver=
trap 'if [ -n "$receiver" ]; then kill "$receiver" 2>/dev/null || true; fi; rm -rf "$work"' EXIT INT TERM

# Waits until the port is open.
up() {
    tries=0
    until "$load" ping 127.0.0.1:$port 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { echo "the receiver does not come up" >&2; exit 1; }
        sleep 0.05
    done
}

# The other processes' share of the machine while "$@" runs is printed beside its result.
watched() {
    name=$1
    shift
    before=$(awk '/^cpu /{print $2+$3+$4+$7+$8}' /proc/stat)
    result=$("$@")
    after=$(awk '/^cpu /{print $2+$3+$4+$7+$8}' /proc/stat)
    echo "$name $((after - before)) $result"
}

collector() {
    folder=$work/$1
    "$load" prepare "$folder" --agents "$agents" --port $port
    BONGSU_LOG=warn taskset -c "$rx" "$2" --config "$folder/collector.toml" &
    receiver=$!
    up
    shift 2
    watched "$(basename "$folder")" taskset -c "$tx" "$load" send --otlp 127.0.0.1:$port \
        --web 127.0.0.1:$((port + 1)) --pid "$receiver" --agents "$agents" "$@"
    kill "$receiver" && wait "$receiver" || true
    receiver=
    rm -rf "$folder"
}

rotel() {
    taskset -c "$rx" "$ROTEL" start --otlp-grpc-endpoint 127.0.0.1:$((port - 1)) \
        --otlp-http-endpoint 127.0.0.1:$port --exporter blackhole >"$work/rotel.log" 2>&1 &
    receiver=$!
    up
    watched rotel taskset -c "$tx" "$load" send --no-plans --otlp 127.0.0.1:$port \
        --pid "$receiver" --agents "$agents" "$@"
    kill "$receiver" && wait "$receiver" || true
    receiver=
}

echo "receiver machine-ticks result"
round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    collector ours "$ours" "$@"
    [ -z "${BASE:-}" ] || collector base "$BASE" "$@"
    [ -z "${ROTEL:-}" ] || rotel "$@"
done
