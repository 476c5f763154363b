#!/usr/bin/env bash
# The whole way once: installs, starts a collector and an agent, sweeps six real networks, prints the ranking,
# leaves report.parquet here, stops everything that it started and removes what it kept, models and samples, in a
# new folder below demo/. DEMO_KEEP=1 leaves that. DEMO_BATCH_SIZES (1,2,4,8) and DEMO_REPEATS (the protocol's)
# make it shorter.
set -euo pipefail
cd "$(dirname "$0")/.."

models=(alexnet squeezenet1_1 resnet18 resnet50 mobilenet_v2 googlenet)
batch_sizes=${DEMO_BATCH_SIZES:-1,2,4,8}
repeats=${DEMO_REPEATS:-}
bin=$PWD/.venv/bin
up=

stop() {
    code=$?
    trap - EXIT INT TERM HUP
    if [ -n "$up" ] && kill -0 "$up" 2>/dev/null; then
        kill -TERM "$up" 2>/dev/null || true
        wait "$up" 2>/dev/null || true
    fi
    if [ "$code" -ne 0 ] && [ "$code" -lt 128 ] && [ -n "${home:-}" ] && [ -s "$home/up.log" ]; then
        echo "demo: stopped with exit code $code; the last lines of $home/up.log:" >&2
        tail -n 5 "$home/up.log" >&2
    fi
    exit "$code"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

now() { date +%s; }
step() { printf '\n== %s\n' "$1" >&2; }

began=$(now)
step "install"
make --no-print-directory install
installed=$(now)

mkdir -p demo
home=$(mktemp -d "$PWD/demo/$(date +%Y%m%d-%H%M%S)-XXXX")
step "collector and agent"
# A session of its own, so that Ctrl-C reaches only this script, which then ends both in order.
setsid "$bin/paretofleet" up --home "$home" --listen 127.0.0.1:0 --name demo >"$home/up.log" 2>&1 &
up=$!
endpoint=$home/collector/endpoint
for _ in $(seq 600); do
    kill -0 "$up" 2>/dev/null || exit 1
    [ -s "$endpoint" ] && break
    sleep 0.1
done
PARETOFLEET_COLLECTOR_ADDRESS=$(cat "$endpoint")
export PARETOFLEET_COLLECTOR_ADDRESS
for _ in $(seq 60); do
    kill -0 "$up" 2>/dev/null || exit 1
    "$bin/paretofleet" devices list -o csv | grep -q ',online,' && break
    sleep 0.5
done
"$bin/paretofleet" devices list

step "models"
modelled=$(now)
"$bin/paretofleet" models add "${models[@]/#/zoo:}"
swept=$(now)

step "sweep"
"$bin/paretofleet" sweep submit --name demo --protocol quick --batch-size "$batch_sizes" ${repeats:+--repeats "$repeats"} \
    "${models[@]/#/--model=zoo:}" --watch
ranked=$(now)

step "ranking"
"$bin/paretofleet" report pull demo -o report.parquet
"$bin/paretofleet" rank report.parquet
ended=$(now)

printf '\ninstall %s s, models %s s, sweep %s s, all %s s\n' \
    $((installed - began)) $((swept - modelled)) $((ranked - swept)) $((ended - began))
kill -TERM "$up"
wait "$up" || true
up=
if [ -n "${DEMO_KEEP:-}" ]; then
    printf 'The report is report.parquet; the samples are in %s.\n' "${home#"$PWD"/}"
else
    rm -rf "$home"
    rmdir demo 2>/dev/null || true
    printf 'The report is report.parquet; DEMO_KEEP=1 make demo keeps models and samples, too.\n'
fi
