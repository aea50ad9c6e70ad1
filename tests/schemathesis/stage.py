"""Sets the stage for run.sh: waits for a brain, fills it a little, takes what it sends, and says more of what may be sent.

    stage.py ready URL                      exit code 0 once the brain is ready
    stage.py search URL KEY                 one search by meaning, so that the model is there
    stage.py seed URL KEY HOOK FOLDER       memories, relationships and a webhook; writes deeper.json and harm.json
    stage.py after URL KEY                  exit code 1 unless the brain is well: ready, readable, its projections what the log says
    stage.py sink PORT                      takes webhooks, until it is ended
"""

import copy
import http.server
import json
import sys
import time
import urllib.error
import urllib.request

WORDS = {
    "memory_type": ["semantic", "episodic", "procedural"],
    "direction": ["out", "in", "both"],
    "format": ["json", "graphml", "gexf"],
    "state": ["pending", "delivered", "failed", "discarded"],
    "weighted": ["true", "false"],
    "types": ["memory.*", "memory.created", "references", ""],
    "tag": ["tea", "habit"],
}
NUMBERS = {"limit", "min_position", "after", "before", "from", "to", "depth", "k", "wait_s", "position"}
# What has once been taken and then could not be given back, or not even refused; sent as it stands.
HUGE = {"n": 1.7976931348623157e308}
DATES = ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-23:59", "0000-06-01T00:00:00Z"]
LARGE = [2**31, 2**63 - 1, 2**63, 2**64 - 1]
BODIES = {
    ("post", "/api/v1/memories"): [{"content": "huge", "metadata": HUGE}]
    + [{"content": "date", field: date} for field in ("occurred_at", "created_at") for date in DATES],
    ("post", "/api/v1/memories/batch"): [{"memories": [{"content": "date", "occurred_at": date}] * 4} for date in DATES],
    ("post", "/api/v1/relationships"): [{"relationship_type": "references", "properties": HUGE}],
    ("post", "/api/v1/search"): [{"query": "\0"}, {"query": "a", "filters": {"user_id": "\0"}}],
    ("post", "/api/v1/replay/{projection}/retry"): [{"space": "\0", "aggregate": "a\0", "id": "\0"}],
    ("post", "/api/v1/webhooks/{id}/replay"): [{"after": number} for number in LARGE],
}


def ask(method, url, key, body=None):
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, body and json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def search(url, key):
    """The first search fetches the model, if need be."""
    for _ in range(60):
        try:
            return ask("POST", f"{url}/api/v1/search", key, {"query": "tea", "mode": "semantic"})
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise
            time.sleep(2)
    raise SystemExit("there is no search by meaning")


def seed(url, key, hook, folder):
    made = {"memories": [], "relationships": [], "webhooks": []}
    wanted = {"url": hook, "events": ["*"], "description": "the sink"}
    made["webhooks"].append(ask("POST", f"{url}/api/v1/webhooks", key, wanted)["webhook"]["id"])
    for number in range(12):
        memory = {"content": f"Tea is at {number}", "tags": ["tea", "habit"][: number % 3], "metadata": {"n": number}}
        written = ask("POST", f"{url}/api/v1/memories", key, memory)
        made["memories"].append(written["memory"]["id"])
    for source, target in zip(made["memories"], made["memories"][1:]):
        related = {"source_id": source, "target_id": target, "relationship_type": "references"}
        made["relationships"].append(ask("POST", f"{url}/api/v1/relationships", key, related)["relationship"]["id"])
    for content in ("Tea is at five", "Tea is at six"):
        ask("PATCH", f"{url}/api/v1/memories/{made['memories'][0]}", key, {"content": content})
    made["projections"] = sorted({it["name"] for it in ask("GET", f"{url}/api/v1/replay", key)["projections"]})
    published = ask("GET", f"{url}/api/v1/openapi.json", key)
    deeper = amended(published, made)
    for name, document in (("deeper", deeper), ("harm", harmful(deeper, made))):
        with open(f"{folder}/{name}.json", "w") as file:
            json.dump(document, file, indent=1)


def amended(document, made):
    """The description with more said of what may be sent; what comes back is described as before."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation["operationId"] = f"{method} {path}"
            for parameter in operation["parameters"]:
                parameter["schema"] = schema_of(path, parameter, made)
    ends = document["components"]["schemas"]["RelationshipInput"]["properties"]
    for end in ("source_id", "target_id"):
        ends[end] = known_or(made["memories"])
    for kind, one in (("memories", "memory"), ("relationships", "relationship"), ("webhooks", "webhook")):
        link(document, kind, one)
    return document


def harmful(document, made):
    """The amended description with examples of what once did harm; ids are those of a living memory, relationship or webhook."""
    document = copy.deepcopy(document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for parameter in operation["parameters"]:
                if parameter["name"] in NUMBERS:
                    parameter |= {"schema": {"type": "integer"}, "examples": named(LARGE)}
                elif parameter["name"] in ("type", "tag", "user_id", "cursor"):
                    parameter["examples"] = named(["\0"])
                elif "anyOf" in parameter["schema"] and parameter["required"]:
                    parameter["schema"]["anyOf"].pop()
            bodies = BODIES.get((method, path))
            if bodies and path.endswith("/relationships"):
                bodies = [body | dict(zip(("source_id", "target_id"), made["memories"])) for body in bodies]
            if bodies:
                operation["requestBody"]["content"]["application/json"]["examples"] = named(bodies)
    return document


def named(values):
    return {f"e{number}": {"value": value} for number, value in enumerate(values)}


def known_or(ids):
    """Half of the ids are known, half are not."""
    return {"anyOf": [{"type": "string", "enum": ids}, {"type": "string", "format": "uuid"}]}


def schema_of(path, parameter, made):
    name = parameter["name"]
    if name == "projection":
        return {"type": "string", "enum": made["projections"]}
    if name in NUMBERS:
        return {"type": "integer", "minimum": 0, "maximum": 60 if name == "limit" else 2 if name == "wait_s" else 50}
    if name in WORDS:
        return {"type": "string", "enum": WORDS[name]}
    if name == "as_of":
        return {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "pattern": "^[1-9][0-9]?$"}]}
    if name in ("If-Match", "If-None-Match"):
        return {"type": "string", "enum": ['"1"', '"2"', '"3"']}
    if name in ("source", "target", "source_id", "target_id"):
        return known_or(made["memories"])
    if name == "id":
        owner = next((kind for kind in ("webhooks", "relationships") if f"/{kind}/" in path), "memories")
        return known_or(made[owner])
    return parameter["schema"]


def link(document, kind, one):
    """What is made can be read, changed and deleted under its id."""
    paths = document["paths"]
    made = paths[f"/api/v1/{kind}"]["post"]["responses"]["201"]
    for path, methods in paths.items():
        if path.startswith(f"/api/v1/{kind}/{{id}}") and "{position}" not in path:
            for operation in methods.values():
                target = {"operationId": operation["operationId"], "parameters": {"id": f"$response.body#/{one}/id"}}
                made.setdefault("links", {})[operation["operationId"]] = target


def after(url, key):
    """Whatever was sent, the brain goes on as before."""
    ill = []

    def well(what, check):
        try:
            found = check()
        except (OSError, ValueError) as error:
            body = error.read().decode(errors="replace")[:300] if isinstance(error, urllib.error.HTTPError) else ""
            found = f"{error} {body}"
        if found is not None:
            ill.append(f"{what}: {found}")

    def get(path):
        ask("GET", url + path, key)

    def verify(name):
        found = ask("POST", f"{url}/api/v1/replay/{name}/verify", key)
        return None if found["equal"] else found

    well("ready", lambda: get("/health/ready"))
    for path in ("/api/v1/memories?limit=200", "/api/v1/relationships?limit=200", "/api/v1/graph/export", "/api/v1/events?limit=200"):
        well(path, lambda: get(path))
    well("parked", lambda: ask("GET", f"{url}/api/v1/replay/parked", key)["parked"] or None)
    for name in sorted({it["name"] for it in ask("GET", f"{url}/api/v1/replay", key)["projections"]}):
        well(f"verify {name}", lambda: verify(name))
    print("afterwards: " + ("ready, readable, every projection equal to the log" if not ill else ""))
    for line in ill:
        print(f"  ILL {line[:600]}")
    return 1 if ill else 0


class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main(verb, *rest):
    if verb == "ready":
        urllib.request.urlopen(f"{rest[0]}/health/ready", timeout=5)
    elif verb == "search":
        search(*rest)
    elif verb == "seed":
        seed(*rest)
    elif verb == "after":
        return after(*rest)
    elif verb == "sink":
        http.server.ThreadingHTTPServer(("127.0.0.1", int(rest[0])), Sink).serve_forever()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
