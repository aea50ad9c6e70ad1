#!/usr/bin/env python3
"""Loads a brain with what wants its memory, and looks whether it keeps its head and gives the memory back.

How: a brain in a fresh folder, used a little; then each load in turn, from this one process. While a load lasts, memory is sampled
(resident, of brain, nats-server and all of Postgres together, shared pages counted once for each) and another client keeps asking for one
memory. After it has gone, brain is left alone for a while and measured again. One row for each load:
    before, peak, after   MB of brain / nats-server / Postgres
    other                 the slowest answer that the other client got, in ms, and how many were not 200
    what came             the statuses that the load itself was answered with
Exit code 1 if brain holds more than 1.5 times of what it held before the first load, or the other client was refused.

    cargo build --release
    tests/hunt/memory.py --brain target/release/brain --port 7900 [--only clauses,arrays] [--rest 20]
"""

import argparse
import collections
import http.client
import json
import os
import resource
import socket
import sys
import threading
import time

import kill_nats

GROWTH_MAX = 1.5
SAMPLE_S = 0.1


def resident(pid):
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def descendants(root):
    children = collections.defaultdict(list)
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                children[int(file.read().rsplit(")", 1)[1].split()[1])].append(int(name))
        except (OSError, IndexError):
            pass
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children[pid]
    return found


def name(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


class Brain(kill_nats.Brain):
    def ask(self, method, path, body=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body if isinstance(body, (bytes, type(None))) else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return "cut", b""
        finally:
            connection.close()

    def open(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def memory(self):
        sizes = {"brain": 0, "nats": 0, "postgres": 0}
        for pid in descendants(self.process.pid):
            kind = "nats" if name(pid).startswith("nats") else "postgres" if name(pid).startswith("postgres") else "brain"
            sizes[kind] += resident(pid)
        return tuple(round(size / 1e6) for size in sizes.values())


def together(count, work):
    """What came of `work(n)` in as many threads."""
    came, lock = collections.Counter(), threading.Lock()

    def one(n):
        try:
            answer = work(n)
        except OSError:
            answer = "cut"
        with lock:
            came[answer] += 1

    kill_nats.in_threads(count, one)
    return came


def clauses(brain):
    """21 filters of 80,000 empty clauses, each another one."""
    came = collections.Counter()
    for n in range(21):
        empty = ",".join(['{"not":{"not":{}}}'] * (80_000 + n))
        body = f'{{"query":"y","mode":"keyword","filters":{{"and":[{empty}]}}}}'.encode()
        came[brain.ask("POST", "/api/v1/search", body)[0]] += 1
    return came


def arrays(brain):
    """Four batches at once of 5 million empty items each."""
    body = b'{"memories":[' + b",".join([b"[]"] * 5_000_000) + b"]}"
    return together(4, lambda _: brain.ask("POST", "/api/v1/memories/batch", body)[0])


def connections(brain):
    """900 connections without a key that asked for one thing and stay."""
    held = []
    try:
        for _ in range(900):
            held.append(brain.open())
            held[-1].sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(5)
        return collections.Counter(connection.recv(12).decode()[9:] or "cut" for connection in held[:50])
    except OSError as cause:
        return collections.Counter([str(cause)])
    finally:
        for connection in held:
            connection.close()


def unread(brain):
    """200 subscribers that never read, while 600 long memories are written."""
    head = "GET /api/v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

    def frame(text):
        mask, data = b"\x01\x02\x03\x04", text.encode()
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
        return b"\x81" + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))

    held = []
    for _ in range(200):
        held.append(brain.open())
        held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held[-1].sendall(head.encode())
        held[-1].sendall(frame(json.dumps({"id": 1, "connect": {"token": brain.key}})))
        held[-1].sendall(frame(json.dumps({"id": 2, "subscribe": {"channel": "space"}})))
    came = together(20, lambda n: [brain.ask("POST", "/api/v1/memories", {"content": f"{n} " + "x" * 9_000})[0] for _ in range(30)][-1])
    time.sleep(20)
    for connection in held:
        connection.close()
    return came


def pages(brain):
    """200 connections without a key that ask 300 times for a page and do not read."""
    held = []
    for _ in range(200):
        held.append(brain.open())
        held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held[-1].settimeout(1)
        try:
            held[-1].sendall(b"GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300)
        except OSError:
            pass
    time.sleep(20)
    for connection in held:
        connection.close()
    return collections.Counter({"held": len(held)})


def slow(brain):
    """600 bodies of which a byte comes every two seconds, for 40 seconds."""
    head = f"POST /api/v1/memories HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {brain.key}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
    held = [brain.open() for _ in range(600)]
    for connection in held:
        connection.sendall(head.encode())
    writes = collections.Counter()
    for _ in range(20):
        for connection in held:
            try:
                connection.sendall(b" ")
            except OSError:
                pass
        writes[brain.ask("POST", "/api/v1/memories", {"content": "amid slow bodies"})[0]] += 1
        time.sleep(2)
    for connection in held:
        connection.close()
    return writes


LOADS = [clauses, arrays, connections, unread, pages, slow]


class Other:
    """Whoever asks for one memory all the time."""

    def __init__(self, brain, path):
        self.brain, self.path, self.stopped = brain, path, threading.Event()
        self.slowest, self.refused, self.peak = 0.0, 0, (0, 0, 0)
        self.threads = [threading.Thread(target=work) for work in (self.asks, self.samples)]
        for thread in self.threads:
            thread.start()

    def asks(self):
        while not self.stopped.wait(SAMPLE_S):
            started = time.monotonic()
            status, _ = self.brain.ask("GET", self.path)
            self.slowest = max(self.slowest, time.monotonic() - started)
            self.refused += status != 200

    def samples(self):
        while not self.stopped.wait(SAMPLE_S):
            self.peak = tuple(map(max, self.peak, self.brain.memory()))

    def end(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brain", required=True)
    parser.add_argument("--port", type=int, default=7900)
    parser.add_argument("--only", default="")
    parser.add_argument("--rest", type=float, default=20, help="seconds without anything after each load")
    wanted = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536) if hard > 0 else soft, hard))
    brain = Brain(wanted)
    bad = False
    try:
        for n in range(200):
            status, body = brain.ask("POST", "/api/v1/memories", {"content": f"Note {n} of where the blue tin stands", "tags": ["tin"]})
        path = f"/api/v1/memories/{json.loads(body)['memory']['id']}"
        for n in range(20):
            brain.ask("POST", "/api/v1/search", {"query": f"the blue tin {n}"})
        time.sleep(wanted.rest)
        first = brain.memory()
        print("| load | before | peak | after | other, ms / refused | what came |\n|---|---|---|---|---|---|")
        show = lambda sizes: " / ".join(map(str, sizes))
        for load in LOADS:
            if wanted.only and load.__name__ not in wanted.only.split(","):
                continue
            before, other = brain.memory(), Other(brain, path)
            came = load(brain)
            other.end()
            time.sleep(wanted.rest)
            after = brain.memory()
            came = ", ".join(f"{count} × {status}" for status, count in came.items())
            print(f"| {load.__name__} | {show(before)} | {show(other.peak)} | {show(after)} | {other.slowest * 1e3:.0f} / {other.refused} | {came} |", flush=True)
            bad |= other.refused > 0 or after[0] > GROWTH_MAX * first[0]
    finally:
        brain.stop(keep=False)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
