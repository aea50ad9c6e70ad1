#!/usr/bin/env python3
"""Kills nats-server, or Postgres, amid keyed writes, again and again, and looks whether whatever was acknowledged can be read.

Why: of nineteen runs of such writes one ended with an acknowledged memory that could not be read by its id ten seconds after the last
acknowledgement, while the log held all events and `replay verify` said equal. What the answer was is not known; here each is kept.

How: a run starts a brain in a fresh folder and creates memories from many threads, each under a key of its own. At a random moment a
server is killed with SIGKILL; brain starts it again. A write that was cut or refused for now is sent again under its key until it is
acknowledged. Every acknowledged id is read at once after the last acknowledgement (the first look) and ten seconds after it (the late
look). Answers are sorted into
    ok     200 with the id, content and revision that were acknowledged
    away   503 or 504: refused for now, which is allowed while a server is away
    wrong  anything else: a lie, whenever it is told
    cut    no answer: the connection ended; the same is asked once more on a new one
What is wrong, and what is not ok in the late look, is printed whole; the latter is asked again every second until it is right or a
minute has passed. One line for a run, more when something is odd; then its folder stays. The last line sums up; exit code 1 if anything was odd.

    cargo build --release
    tests/hunt/kill_nats.py --brain target/release/brain --runs 100 --port 7850
    ... --readers 4           reads of what was acknowledged go on during the kill
    ... --victim postgres     kills Postgres instead
    ... --changes 0.5         half of the writes change a memory that was acknowledged before
    ... --quiet               kills after the last write, once reads show it: nothing is written that would wake anybody up
    ... --no-first-look       nobody reads before the late look
    ... --look-threads 1      the looks ask one after the other
"""

import argparse
import collections
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SERVERS = {"nats": "nats-server", "postgres": "postgres"}
ANSWER_WAIT_S = 30
LATE_S = 10
WATCH_S = 60
CATCH_UP_S = 60
ODD_SHOWN_MAX = 10
# Of those that are odd alike.
WATCHED_MAX = 2
# What is allowed is shown whole once.
SHOWN = set()


class Cut(Exception):
    """No whole answer came."""


class Client:
    """One connection that is kept open, for one thread."""

    def __init__(self, brain):
        self.brain, self.connection, self.used_at = brain, None, 0.0

    def ask(self, method, path, body=None, **headers):
        """Status, headers, body and seconds. Errors: Cut."""
        began = time.monotonic()
        is_new = self.connection is None
        idle = 0.0 if is_new else began - self.used_at
        if is_new:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.brain.port, timeout=ANSWER_WAIT_S)
        headers = {"Authorization": f"Bearer {self.brain.key}", "Content-Type": "application/json", **headers}
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as cause:
            self.close()
            kept = "a new connection" if is_new else f"one that was idle for {idle:.3f} s"
            raise Cut(f"{cause!r} after {time.monotonic() - began:.3f} s on {kept}") from cause
        self.used_at = time.monotonic()
        if answer.will_close:
            self.close()
        return answer.status, dict(answer.getheaders()), text, self.used_at - began

    def json(self, method, path, body=None):
        status, _, text, _ = self.ask(method, path, body)
        return json.loads(text) if status == 200 else {"status": status, "body": text.decode(errors="replace")}

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Brain:
    """A brain in a fresh folder."""

    def __init__(self, options):
        self.port = options.port
        self.folder = tempfile.mkdtemp(prefix="brain-hunt-")
        # The servers run under another account when brain is root's.
        os.chmod(self.folder, 0o755)
        self.data = os.path.join(self.folder, "data")
        self.log = open(os.path.join(self.folder, "brain.log"), "wb")
        command = [options.brain, "up", "--data-dir", self.data, "--listen", f"127.0.0.1:{self.port}", "--durability", "power"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            until = time.monotonic() + 180
            while not self.is_ready():
                if self.process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"brain does not start, see {self.log.name}")
                time.sleep(0.1)
        except BaseException:
            self.stop(keep=True)
            raise

    def is_ready(self):
        try:
            with open(os.path.join(self.data, "credentials.json")) as file:
                self.key = json.load(file)["api_key"]
            return Client(self).ask("GET", "/health/ready")[0] == 200
        except (OSError, ValueError, Cut):
            return False

    def kill(self, victim):
        """SIGKILL to a server, once it is sure that it is one of this brain's."""
        with open(os.path.join(self.data, "run.json")) as file:
            pid = next(note["pid"] for note in json.load(file)["servers"] if SERVERS[victim] in note["name"])
        with open(f"/proc/{pid}/stat") as file:
            name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        if SERVERS[victim] not in name or int(rest.split()[1]) != self.process.pid:
            raise OSError(f"{pid} is {name}, not our {victim}")
        os.kill(pid, signal.SIGKILL)

    def stop(self, keep):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


class Memory:
    """What was acknowledged last of one memory; `may_be` is a change whose acknowledgement is still awaited."""

    __slots__ = ("id", "content", "revision", "position", "may_be")

    def __init__(self, id, content, revision, position):
        self.id, self.content, self.revision, self.position, self.may_be = id, content, revision, position, None


def in_threads(count, work):
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def code_of(text):
    try:
        return json.loads(text).get("code", "")
    except (ValueError, AttributeError):
        return ""


class Run:
    def __init__(self, number, options, brain):
        self.number, self.options, self.brain = number, options, brain
        self.lock = threading.Lock()
        self.memories, self.again, self.given_up, self.killed_at, self.kills = [], 0, [], [], []
        self.cuts, self.notes, self.odd = collections.Counter(), [], 0
        self.written = 0
        self.mark = f"{number}-{os.urandom(4).hex()}"

    def note(self, text):
        with self.lock:
            self.notes.append(f"    {time.strftime('%H:%M:%S')} {text}")

    def since(self):
        """Seconds since the last acknowledgement and since the last kill."""
        now = time.monotonic()
        kill = f"{now - self.killed_at[-1]:.1f} s after the kill" if self.killed_at else "before any kill"
        return f"{now - self.acknowledged_at:.1f} s after the last acknowledgement, {kill}"

    # Writing.

    def write(self):
        numbers = iter(range(self.options.writes))
        began = time.monotonic()
        self.acknowledged_at = began
        marks = sorted(random.uniform(*self.options.kill_between) * self.options.writes for _ in range(self.options.kills))
        marks = [] if self.options.quiet else marks
        over = threading.Event()
        helpers = [threading.Thread(target=self.kill_at, args=(marks, over), daemon=True)]
        helpers += [threading.Thread(target=self.read_on, args=(over,), daemon=True) for _ in range(self.options.readers)]
        for helper in helpers:
            helper.start()
        in_threads(self.options.threads, lambda number: self.write_on(self.clients[number], numbers))
        over.set()
        for helper in helpers:
            helper.join()
        self.writing_s = self.acknowledged_at - began
        if self.options.quiet:
            last = max(self.memories, key=lambda memory: memory.position)
            seen = self.clients[0].ask("GET", f"/api/v1/memories/{last.id}?min_position={last.position}")[0]
            if seen != 200:
                self.note(f"the last write is not shown before the kill: {seen}")
            self.kill_at([0] * self.options.kills, over)

    def kill_at(self, marks, over):
        for mark in marks:
            while self.written < mark and not over.is_set():
                time.sleep(0.001)
            for _ in range(100):
                try:
                    self.brain.kill(self.options.victim)
                    break
                except (OSError, ValueError, StopIteration):
                    # It is being started again after the kill before.
                    time.sleep(0.1)
            else:
                self.note("nobody could be killed")
                continue
            self.killed_at.append(time.monotonic())
            self.kills.append(self.written)

    def write_on(self, client, numbers):
        while True:
            with self.lock:
                number = next(numbers, None)
                if number is None:
                    return
                changed = None
                if self.memories and random.random() < self.options.changes:
                    changed = random.choice(self.memories)
                    changed = changed if changed.may_be is None else None
                content = f"hunt {self.mark} write {number} {random.getrandbits(64):016x}"
                if changed:
                    changed.may_be = (content, changed.revision + 1)
            self.write_one(client, content, changed, f"{self.mark}-{number}")

    def write_one(self, client, content, changed, key):
        method, path = ("PATCH", f"/api/v1/memories/{changed.id}") if changed else ("POST", "/api/v1/memories")
        body = json.dumps({"content": content})
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                status, _, text, _ = client.ask(method, path, body, **{"Idempotency-Key": key})
            except Cut as cut:
                self.again += 1
                self.cuts["write"] += 1
                self.note(f"a write was cut: {cut}")
                continue
            if status in (200, 201):
                written = json.loads(text)
                with self.lock:
                    self.written += 1
                    self.acknowledged_at = time.monotonic()
                    if changed:
                        changed.content, changed.revision = content, written["memory"]["revision"]
                        changed.position, changed.may_be = written["position"], None
                    else:
                        memory = written["memory"]
                        self.memories.append(Memory(memory["id"], content, memory["revision"], written["position"]))
                return
            if status not in (503, 504, 409):
                self.note(f"a write was refused for good: {status} {text[:500]}")
                break
            self.again += 1
            time.sleep(0.05)
        with self.lock:
            self.given_up.append(key)

    # Reading.

    def read(self, client, memory, phase):
        """The kind of the answer, and the answer as text."""
        known = (memory.content, memory.revision), memory.may_be
        for _ in range(2):
            try:
                status, headers, text, took = client.ask("GET", f"/api/v1/memories/{memory.id}")
                break
            except Cut as cut:
                self.cuts[phase] += 1
                self.note(f"{phase}: {memory.id} was cut: {cut}")
        else:
            return "cut", "cut twice"
        if status == 200:
            view = json.loads(text)
            shown = (view["content"], view["revision"])
            # During the writing a change may come between.
            known += ((memory.content, memory.revision), memory.may_be)
            if view["id"] == memory.id and (shown in known or phase == "during" and shown[1] > known[0][1]):
                return "ok", ""
        kind = "away" if status in (503, 504) else "wrong"
        return kind, f"{status} {code_of(text)} in {took:.3f} s: {text.decode(errors='replace')} {headers}"

    def read_on(self, over):
        """Reads what was acknowledged, mostly lately, until the writing is over."""
        client = Client(self.brain)
        while not over.is_set():
            with self.lock:
                count = len(self.memories)
                memory = self.memories[max(0, count - 1 - int(random.expovariate(0.02)))] if count else None
            if memory is None:
                time.sleep(0.01)
                continue
            kind, text = self.read(client, memory, "during")
            with self.lock:
                self.during[kind] += 1
            if kind == "wrong":
                self.note(f"during: {memory.id} at {memory.position}, {self.since()}: {text}")
        client.close()

    def look(self, phase):
        """Reads every acknowledged memory once."""
        waiting = iter(random.sample(self.memories, len(self.memories)))
        kinds, odd = collections.Counter(), []

        def work(number):
            # Those who wrote go on with their connections, however long these were idle.
            client = self.clients[number]
            while True:
                with self.lock:
                    memory = next(waiting, None)
                # The first look must not keep the late one from its time.
                if memory is None or phase == "first" and time.monotonic() > self.acknowledged_at + LATE_S - 1:
                    return
                kind, text = self.read(client, memory, phase)
                with self.lock:
                    kinds[kind] += 1
                    if kind != "ok":
                        odd.append((kind, memory, f"{self.since()}: {text}"))

        in_threads(self.options.look_threads, work)
        strict = phase == "late"
        for code, group in grouped(odd).items():
            is_odd = strict or code[0] == "wrong"
            if not is_odd and code in SHOWN:
                continue
            SHOWN.add(code)
            lines = group if is_odd else group[:1]
            for kind, memory, text in lines[:ODD_SHOWN_MAX]:
                self.note(f"{phase}: {kind} {memory.id} at {memory.position}, {text}")
            if len(lines) < len(group):
                self.note(f"{phase}: {len(group)} like this")
            for _, memory, _ in lines[:WATCHED_MAX]:
                if strict:
                    self.watch(self.clients[0], memory)
        if strict:
            self.odd += len(odd)
        else:
            self.odd += kinds["wrong"]
        return kinds

    def watch(self, client, memory):
        """Asks every second until the answer is right, and says how the whole stands."""
        began = time.monotonic()
        seen = None
        while time.monotonic() - began < WATCH_S:
            kind, text = self.read(client, memory, "watch")
            if kind == "ok":
                self.note(f"watch: {memory.id} is right after {time.monotonic() - began:.1f} s")
                return
            if text.split(" in ")[0] != seen:
                seen = text.split(" in ")[0]
                self.note(f"watch: {memory.id} {text}")
                self.note(f"watch: status {self.stand(client)}")
            time.sleep(1)
        self.odd += 1
        self.note(f"watch: {memory.id} was never right in {WATCH_S} s; last {text}; status {self.stand(client)}")

    def stand(self, client):
        try:
            status, ready = client.json("GET", "/api/v1/status"), client.ask("GET", "/health/ready")
        except Cut as cut:
            return f"cut: {cut}"
        views = {it["name"]: (it["version"], it["applied_seq"], it["epoch"], it["parked"]) for it in status.get("projections", [])}
        return f"log {status.get('log', status)} (version, applied, epoch, parked) {views}; ready {ready[0]} {ready[2].decode()}"

    def catch_up(self):
        """How long after the last kill reads show everything that was acknowledged."""
        client, last = Client(self.brain), max(memory.position for memory in self.memories)
        while time.monotonic() < self.acknowledged_at + CATCH_UP_S:
            try:
                views = client.json("GET", "/api/v1/status").get("projections", [])
                if any(it["name"] == "memories" and it["state"] == "live" and it["applied_seq"] >= last for it in views):
                    now = time.monotonic()
                    self.caught_up = (now - self.acknowledged_at, now - (self.killed_at or [now])[-1])
                    break
            except Cut:
                pass
            time.sleep(0.1)
        client.close()

    # All of it.

    def go(self, verify):
        self.during, self.caught_up = collections.Counter(), (float("nan"),) * 2
        self.clients = [Client(self.brain) for _ in range(max(self.options.threads, self.options.look_threads))]
        self.write()
        follower = threading.Thread(target=self.catch_up, daemon=True)
        follower.start()
        first = collections.Counter() if self.options.no_first_look else self.look("first")
        time.sleep(max(0.0, self.acknowledged_at + LATE_S - time.monotonic()))
        late = self.look("late")
        follower.join()
        self.count(verify or self.odd > 0)
        self.odd += self.during["wrong"] + len(self.given_up)
        kinds = lambda counts: " ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"
        line = (
            f"run {self.number}: {self.written} acknowledged in {self.writing_s:.1f} s, {self.again} sent again, "
            f"killed at {self.kills}; "
            + (f"during {kinds(self.during)}; " if self.options.readers else "")
            + f"first {kinds(first)}; caught up {self.caught_up[0]:.1f} s later, {self.caught_up[1]:.1f} s after the kill; "
            f"late {kinds(late)}; cut {kinds(self.cuts)}; {self.counted}"
            + ("  ODD" if self.odd else "")
        )
        print("\n".join([line, *self.notes]), flush=True)
        return first, late

    def count(self, verify):
        """What the log and the list hold, against what was acknowledged."""
        client, listed, cursor = Client(self.brain), collections.Counter(), ""
        while cursor is not None:
            page = client.json("GET", f"/api/v1/memories?limit=200{cursor and '&cursor=' + cursor}")
            if "memories" not in page:
                self.note(f"the list cannot be read: {page}")
                self.odd += 1
                break
            listed.update(view["content"] for view in page["memories"] if f"hunt {self.mark} " in view["content"])
            cursor = page.get("next_cursor")
        known = {memory.content for memory in self.memories}
        missing, doubles = known - set(listed), sum(listed.values()) - len(listed)
        strangers = set(listed) - known
        log = client.json("GET", "/api/v1/status").get("log")
        self.odd += len(missing) + doubles + len(strangers)
        self.counted = f"log {log and log['last_seq']}, listed {sum(listed.values())}, missing {len(missing)}, doubles {doubles}"
        if strangers:
            self.note(f"never acknowledged, yet there: {sorted(strangers)[:5]}")
        if missing:
            self.note(f"not in the list: {sorted(missing)[:5]}")
        if verify:
            found = client.json("POST", "/api/v1/replay/memories/verify")
            self.counted += f", verify {'equal' if found.get('equal') else found}"
            self.odd += not found.get("equal")
        client.close()


def grouped(odd):
    groups = {}
    for kind, memory, text in odd:
        answer = text.split(": ", 1)[1].split(" in ")[0]
        groups.setdefault((kind, answer), []).append((kind, memory, text))
    return groups


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--brain", required=True, help="the program")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--port", type=int, default=7850)
    parser.add_argument("--writes", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--look-threads", type=int, default=0, help="as many as --threads when 0")
    parser.add_argument("--kills", type=int, default=1, help="for each run")
    parser.add_argument("--kill-between", type=float, nargs=2, default=(0.05, 0.95), help="shares of the writes")
    parser.add_argument("--quiet", action="store_true", help="kill after the last write")
    parser.add_argument("--victim", choices=SERVERS, default="nats")
    parser.add_argument("--readers", type=int, default=0, help="threads that read during the writing")
    parser.add_argument("--changes", type=float, default=0.0, help="share of writes that change a memory")
    parser.add_argument("--no-first-look", action="store_true")
    parser.add_argument("--fresh-every", type=int, default=1, help="runs for each folder; 1 is closest to the case")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    options.brain = os.path.abspath(options.brain)
    options.look_threads = options.look_threads or options.threads
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    random.seed(seed)
    print(f"seed {seed}, {' '.join(sys.argv[1:])}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    total, brain, odd_folder = collections.Counter(), None, False
    try:
        for number in range(1, options.runs + 1):
            if brain is None:
                brain, odd_folder = Brain(options), False
            run = Run(number, options, brain)
            first, late = run.go(verify=number % 10 == 0 or number == options.runs)
            odd_folder |= run.odd > 0
            for phase, counts in (("during", run.during), ("first", first), ("late", late), ("cut", run.cuts)):
                total.update({f"{phase} {kind}": count for kind, count in counts.items()})
            total.update(runs=1, writes=run.written, kills=len(run.kills), again=run.again, odd_runs=run.odd > 0)
            if number % options.fresh_every == 0:
                if odd_folder:
                    print(f"    kept: {brain.folder}", flush=True)
                brain.stop(keep=odd_folder)
                brain = None
    finally:
        if brain is not None:
            brain.stop(keep=odd_folder)
        print("all: " + ", ".join(f"{name} {count}" for name, count in total.items()), flush=True)
    return 1 if total["odd_runs"] else 0


if __name__ == "__main__":
    sys.exit(main())
