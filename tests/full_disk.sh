#!/usr/bin/env bash
# What a brain does on a disk that runs full, shown on a real one: a tmpfs of 700 MB. Needs root, curl and python3.
#
#     tests/full_disk.sh [brain]      # default: target/release/brain
#
# Prints a transcript and ends with 0 if everything was as promised: writes are refused fast with 507 while reads go on, readiness says
# why, and once there is room all recovers by itself, with every acknowledged memory there and all read models equal to the log.
set -euo pipefail

brain=$(realpath "${1:-$(dirname "$0")/../target/release/brain}")
place=$(mktemp -d)
acknowledged=$place/acknowledged
answer=$place/answer
failures=0
pid=

finish() {
    if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then wait "$pid" || true; fi
    umount "$place/disk" 2>/dev/null || true
    rm -rf "$place"
}
trap finish EXIT

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
expect() { # what, wanted, found
    if [ "$2" = "$3" ]; then say "ok    $1: $3"; else say "WRONG $1: $3 instead of $2"; failures=$((failures + 1)); fi
}
free() { df --output=avail -B1 "$place/disk" | tail -1; }
ask() { curl -s -m 60 -o "$answer" -w '%{http_code} %{time_total}' -H "Authorization: Bearer $key" "$@" || echo "000 60"; }
detail() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1])).get("detail",""))' "$answer"; }
write() { # prints status and seconds; notes the id of what was acknowledged
    local text="memory $RANDOM $(head -c 300 /dev/urandom | base64 -w0)" outcome
    outcome=$(ask -H 'Content-Type: application/json' -d "{\"content\":\"$text\"}" "$url/api/v1/memories")
    if [ "${outcome%% *}" = 201 ]; then
        python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["memory"]["id"])' "$answer" >>"$acknowledged"
    fi
    echo "$outcome"
}
until_status() { # seconds, status, what: waits until it answers so; prints how long that took
    local since=$SECONDS outcome
    while outcome=$("${@:3}"); [ "${outcome%% *}" != "$2" ]; do
        if [ $((SECONDS - since)) -ge "$1" ]; then echo "not within $1 s (${outcome%% *})"; return; fi
        sleep 0.5
    done
    echo "within $1 s"
}
ready() { ask "$url/health/ready"; }
read_one() { ask "$url/api/v1/memories/$(head -1 "$acknowledged")"; }

mkdir "$place/disk"
chmod 711 "$place"
mount -t tmpfs -o size=700m,mode=755 tmpfs "$place/disk"
say "brain up on a disk of 700 MB"
"$brain" up --data-dir "$place/disk/data" --listen 127.0.0.1:0 >"$place/out" 2>"$place/said" &
pid=$!
for _ in $(seq 120); do grep -q URL "$place/out" && break; sleep 0.5; done
url=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["url"])' "$place/disk/data/credentials.json")
key=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["api_key"])' "$place/disk/data/credentials.json")
for _ in $(seq 50); do write >/dev/null; done
say "$(wc -l <"$acknowledged") memories acknowledged, $(free) bytes free, reserve $(stat -c %s "$place/disk/data/reserve") bytes"

say "--- the disk is nearly full"
fallocate -l $(($(free) - 20 * 1024 * 1024)) "$place/disk/ballast"
sleep 1
outcome=$(write)
expect "a write with $(free) bytes free" 507 "${outcome%% *}"
say "      after ${outcome##* } s: $(detail)"
outcome=$(read_one); expect "a read" 200 "${outcome%% *}"
outcome=$(ready); expect "ready" 503 "${outcome%% *}"
say "      $(detail)"
rm "$place/disk/ballast"
expect "room again: ready" "within 10 s" "$(until_status 10 200 ready)"
outcome=$(write); expect "a write" 201 "${outcome%% *}"

# Whether nats-server itself meets the full disk, and has to be started again, is a matter of milliseconds.
for round in 1 2 3; do
    say "--- something takes all of the disk at once, under writes: $round of 3"
    writers=
    for writer in 1 2 3 4; do
        (answer=$place/answer.$writer; for _ in $(seq 40); do write; done) >"$place/writes.$writer" &
        writers="$writers $!"
    done
    sleep 1
    # What is given up of the reserve is taken as well in the later rounds.
    for _ in $(seq "$round"); do dd if=/dev/zero bs=1M 2>/dev/null >>"$place/disk/ballast" || true; sleep 0.3; done
    say "$(free) bytes free"
    wait $writers
    cat "$place"/writes.* >"$place/writes"
    slowest=$(awk '{print $NF}' "$place/writes" | sort -n | tail -1)
    say "      writes meanwhile: $(awk '{print $(NF-1)}' "$place/writes" | sort | uniq -c | tr -s ' \n' ' ')slowest $slowest s"
    say "      $(free) bytes free, reserve $([ -e "$place/disk/data/reserve" ] && echo kept || echo 'given up')"
    outcome=$(write); expect "a write" 507 "${outcome%% *}"
    say "      after ${outcome##* } s: $(detail)"
    expect "a read" "within 30 s" "$(until_status 30 200 read_one)"
    outcome=$(ready); expect "ready" 503 "${outcome%% *}"
    say "      $(detail)"
    rm "$place/disk/ballast"
    say "room again: $(free) bytes free"
    expect "ready" "within 30 s" "$(until_status 30 200 ready)"
    expect "a write" "within 10 s" "$(until_status 10 201 write)"
done

say "--- what was acknowledged"
missing=0
while read -r id; do
    case $(until_status 60 200 ask "$url/api/v1/memories/$id") in not*) missing=$((missing + 1)) ;; esac
done <"$acknowledged"
expect "of $(wc -l <"$acknowledged") memories missing" 0 "$missing"
verify() { "$brain" replay verify --data-dir "$place/disk/data" >"$place/verified" 2>"$place/errors" && echo 200 || echo 500; }
expect "replay verify, all projections" "within 60 s" "$(until_status 60 200 verify)"
sed 's/^/      /' "$place/verified"
say "--- what it said of it"
grep -E "full|room|written|started again|died|running again" "$place/said" | sed 's/^/      /' | head -40
[ "$failures" = 0 ] && say "all as promised" || say "$failures not as promised"
exit "$failures"
