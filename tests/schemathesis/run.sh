#!/usr/bin/env bash
# Sends a brain what schemathesis makes of its OpenAPI document, in three ways, and sums up what came back.
#
# Why: what a description promises and what a server does drift apart where nobody looks; and whatever a client may send, the answer is
# never a 5xx. How:
#   published  the document as it is, good and bad data. Paths hold made-up ids, so most requests end early.
#   deeper     the same with more said of what may be sent: ids of memories, relationships and webhooks that there are, numbers as
#              numbers, words where only some are understood, and links from what is made to what can be done with it. Stateful.
#   harm       examples only, of what once did harm: numbers, dates and characters at the edges of what can be held.
# Each way has a brain and a folder of its own, with a few memories, relationships and a webhook to this machine in it. Afterwards that
# brain must be ready and readable, with nothing parked and every projection equal to the log.
#
#   tests/schemathesis/run.sh [target/release/brain] [--max-examples 30] [--seed 1] [--ways "published deeper harm"] [--out FOLDER]
#
# More examples look deeper and take longer; with the default all ways together take well under ten minutes on two cores. FOLDER
# keeps the logs, the events of schemathesis (NDJSON) and the amended documents. Exit code: 1 if anything was answered with a 5xx, broke
# a schema, or was not answered at all, or if a brain is not well afterwards; other failed checks are named only.
#
# Left out: GET /api/v1/stream, GET /api/v1/ws and GET /ws/{user_id}, which answer without end. Checks left out: those that need a
# stricter description than there is, whether good data is taken and bad data refused (positive_data_acceptance,
# negative_data_rejection, missing_required_header), and object_level_authorization, since there is one key only.
#
# Run by root, all of it happens in a network namespace with nothing but loopback: no packet leaves the machine, whatever address a
# made-up webhook has. Without root the guard of webhooks is all that there is: such addresses would be sent to.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
brain=target/release/brain examples=30 seed=1 ways="published deeper harm" out=
while [ $# -gt 0 ]; do
  case $1 in
    --max-examples) examples=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --ways) ways=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    -*) echo "what is $1? See the head of $0" >&2; exit 2 ;;
    *) brain=$1; shift ;;
  esac
done
brain=$(realpath "$brain")
out=${out:+$(realpath -m "$out")}
checks=not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance,response_headers_conformance
checks+=,ignored_auth,use_after_free,ensure_resource_availability,unsupported_method,allow_header_conformance

# What is started is ended by its number, whatever happens.
started=()
end() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  started=()
}

# Starts a brain with its data in $1 and waits until it is ready; sets url and key.
start() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  url=http://127.0.0.1:$port
  "$brain" up --data-dir "$1/data" --listen "127.0.0.1:$port" --webhook-allow-loopback >"$1/brain.log" 2>&1 &
  started+=($!)
  for _ in $(seq 600); do
    if python3 "$here/stage.py" ready "$url" 2>/dev/null; then
      key=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["api_key"])' "$1/data/credentials.json")
      return
    fi
    kill -0 "$!" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$1/brain.log" >&2
  exit 2
}

if [ -z "${SCHEMATHESIS_WORK:-}" ]; then
  work=$(mktemp -d)
  # The servers run under another account when brain is root's.
  chmod 755 "$work"
  trap 'end; rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q --disable-pip-version-check 'schemathesis==4.32.*'
  # Whatever brain fetches at its first start and its first search, it fetches here.
  mkdir "$work/first"
  start "$work/first"
  python3 "$here/stage.py" search "$url" "$key"
  end
  export SCHEMATHESIS_WORK=$work
  inner=("$here/run.sh" "$brain" --max-examples "$examples" --seed "$seed" --ways "$ways" --out "${out:-$work/out}")
  if [ "$(id -u)" = 0 ]; then
    unshare -n bash -c 'ip link set lo up && exec "$@"' inner bash "${inner[@]}"
  else
    bash "${inner[@]}"
  fi
  exit
fi

trap end EXIT
schemathesis=$SCHEMATHESIS_WORK/venv/bin/schemathesis
# It leaves things where it runs.
mkdir -p "$out"
cd "$SCHEMATHESIS_WORK"
summaries=() ill=0
for way in $ways; do
  folder=$(mktemp -d "$SCHEMATHESIS_WORK/$way.XXXX")
  chmod 755 "$folder"
  start "$folder"
  sink=${url##*:}
  sink=$((sink < 60000 ? sink + 1000 : sink - 1000))
  python3 "$here/stage.py" sink "$sink" &
  started+=($!)
  python3 "$here/stage.py" seed "$url" "$key" "http://127.0.0.1:$sink/hook" "$out"
  case $way in
    published) document=$url/api/v1/openapi.json phases=examples,coverage,fuzzing ;;
    deeper) document=$out/deeper.json phases=examples,coverage,fuzzing,stateful ;;
    harm) document=$out/harm.json phases=examples ;;
  esac
  "$schemathesis" run "$document" --url "$url" -H "Authorization: Bearer $key" --checks "$checks" --phases "$phases" --mode all \
    --max-examples "$examples" --seed "$seed" --continue-on-failure --generation-database none --suppress-health-check all \
    --request-timeout 60 --exclude-path-regex '^/api/v1/(stream|ws)$|^/ws/' --warnings off --no-color \
    --report ndjson --report-ndjson-path "$out/$way.ndjson" >"$out/$way.log" 2>&1 || true
  echo "$way"
  python3 "$here/stage.py" after "$url" "$key" || ill=1
  end
  cp "$folder/brain.log" "$out/$way.brain.log"
  summaries+=("$out/$way.ndjson")
done
python3 "$here/summary.py" "${summaries[@]}" || ill=1
exit "$ill"
