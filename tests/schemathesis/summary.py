"""Sums up what schemathesis has seen: summary.py FILE.ndjson … Exit code 1 for a 5xx, a broken schema or no answer."""

import base64
import collections
import json
import re
import sys

OPERATIONS_SHOWN = 4
GRAVE = ("no answer", "not_a_server_error", "response_schema_conformance")


def main(files):
    grave = sum(sum_up(file) for file in files)
    print(f"\n{grave} grave: 5xx, broken schemas, no answer" if grave else "\nno 5xx, no broken schema, nothing unanswered")
    return 1 if grave else 0


class Group:
    """Failures that are alike, with the first of them."""

    def __init__(self, request, response):
        self.count, self.operations, self.request, self.response = 0, collections.Counter(), request, response


def sum_up(file):
    statuses, operations, groups, errors = collections.Counter(), set(), {}, collections.Counter()

    def failed(check, why, operation, request, response):
        group = groups.setdefault((check, why), Group(request, response))
        group.count += 1
        group.operations[operation] += 1

    for line in open(file, encoding="utf-8"):
        ((name, event),) = json.loads(line).items()
        if name in ("NonFatalError", "FatalError"):
            errors[str(event.get("value") or event.get("exception"))[:200]] += 1
        recorder = event.get("recorder", {}) if name == "ScenarioFinished" else {}
        for case, interaction in recorder.get("interactions", {}).items():
            request, response = interaction["request"], interaction.get("response")
            node = recorder["cases"].get(case, {}).get("value", {})
            operation = f"{request['method']} {node.get('path', request['uri'])}"
            if response and response["status_code"] != 405:
                operations.add(operation)
            statuses[response["status_code"] if response else "no answer"] += 1
            if not response:
                failed("no answer", "", operation, request, response)
            for check in recorder.get("checks", {}).get(case, []) if response else []:
                if check["status"] in ("failure", "error"):
                    failed(check["name"], reason(check, response, operation), operation, request, response)
    show(file, statuses, operations, groups, errors)
    return sum(group.count for (check, _), group in groups.items() if check in GRAVE)


def show(file, statuses, operations, groups, errors):
    print(f"\n{file}: {sum(statuses.values())} cases, {len(operations)} operations")
    print("  answers: " + ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items(), key=str)))
    checks = collections.Counter()
    for (check, _), group in groups.items():
        checks[check] += group.count
    print("  failed checks: " + (", ".join(f"{count} × {check}" for check, count in checks.most_common()) or "none"))
    for error, count in errors.most_common():
        print(f"  error of schemathesis: {count} × {error}")
    rank = lambda it: (it[0][0] not in GRAVE, GRAVE.index(it[0][0]) if it[0][0] in GRAVE else it[0][0], -it[1].count)
    for (check, why), group in sorted(groups.items(), key=rank):
        named = [f"{operation} ({count})" for operation, count in group.operations.most_common(OPERATIONS_SHOWN)]
        if len(group.operations) > len(named):
            named.append(f"{len(group.operations) - len(named)} more")
        print(f"  {group.count} × {check}: {why}\n      of {', '.join(named)}")
        request, response = group.request, group.response
        print(f"      {request['method']} {request['uri'][:300]} {text_of(request.get('body'))[:300]}")
        if response:
            print(f"      {response['status_code']} {text_of(response.get('content'))[:400]}")


def reason(check, response, operation):
    """What failed, without the values, so that like comes to like."""
    failure = (check.get("failure_info") or {}).get("failure", {})
    place = re.search(r"Schema at (\S+):", failure.get("message", ""))
    if place:
        return f"{failure['title']} at {place[1]}"
    try:
        code = json.loads(text_of(response.get("content")))["code"]
    except (ValueError, KeyError, TypeError):
        code = ""
    words = [str(response["status_code"]), code, failure.get("title", ""), failure.get("message", "").split("\n")[0][:160]]
    # What a server cannot do is a fault of each place that cannot.
    return ", ".join(filter(None, words)) + (f", {operation}" if check["name"] == "not_a_server_error" else "")


def text_of(content):
    if isinstance(content, dict) and "$base64" in content:
        return base64.b64decode(content["$base64"]).decode(errors="replace")
    return "" if content is None else str(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
