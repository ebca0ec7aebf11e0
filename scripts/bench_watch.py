"""Watches one program of the bench from outside until it ends: bench_watch.py EXE LABEL OUT [health]

Notes private memory, the time from its start to the first answer of /health and, with `health`, how
fast a backlog drained. One JSON line comes out.
"""
import json
import os
import re
import sqlite3
import sys
import time
import urllib.request

exe, label, out = sys.argv[1:4]
watches_backlog = "health" in sys.argv[4:]


def find():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(exe):
                return int(pid)
        except OSError:
            pass
    return None


def age(pid):
    """Seconds since the process began, to a hundredth."""
    started = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19])
    return float(open("/proc/uptime").read().split()[0]) - started / os.sysconf("SC_CLK_TCK")


def private(pid):
    """MB that are this process's alone: with the pages of its own files, and without."""
    text = open(f"/proc/{pid}/smaps_rollup").read()
    clean, dirty = (int(re.search(rf"Private_{kind}:\s+(\d+) kB", text)[1]) for kind in ("Clean", "Dirty"))
    return (clean + dirty) / 1024, dirty / 1024


def page(pid):
    arguments = open(f"/proc/{pid}/cmdline").read().split("\0")
    if "--config" not in arguments:
        return None
    text = open(arguments[arguments.index("--config") + 1]).read()
    return int(re.search(r"page: \{port: (\d+)", text)[1])


def rows(pid):
    """What the floor has still to deliver: the rows of its database."""
    path = open(f"/proc/{pid}/cmdline").read().split("\0")[3]
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.05) as store:
        (table,) = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        return store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


pid = None
limit = time.time() + 60
while pid is None and time.time() < limit:
    pid = find()
    time.sleep(0.005)
found = {"label": label}
backlog, memory, due = [], [], 0.0
port = None
try:
    while pid:
        port = port or page(pid)
        wants = port and (watches_backlog or "start_ms" not in found)
        if wants:
            try:
                health = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2))
                found.setdefault("start_ms", round(age(pid) * 1000))
                backlog.append((time.time(), sum(u["backlog"] for u in health["uplinks"])))
            except OSError:
                pass
        if not port and watches_backlog:
            try:
                backlog.append((time.time(), rows(pid)))
            except (sqlite3.Error, TypeError):
                pass
        if time.time() >= due:
            memory.append(private(pid))
            due = time.time() + 1
        time.sleep(0.01 if "start_ms" not in found and port else 0.1)
        os.kill(pid, 0)
except (OSError, ValueError, IndexError):
    pass  # it has ended
if memory:
    for index, key in enumerate(("private_mb", "dirty_mb")):
        found[key] = round(sorted(pair[index] for pair in memory)[len(memory) // 2], 1)
if watches_backlog and backlog:
    peak_at, peak = max(backlog, key=lambda pair: pair[1])
    done = [at for at, left in backlog if at > peak_at and left < 0.02 * peak]
    if done:
        found["drain_rows"] = peak
        found["drain_s"] = round(done[0] - peak_at, 1)
        found["drain_per_s"] = round(peak / max(done[0] - peak_at, 0.1))
with open(out, "a") as file:
    file.write(json.dumps(found) + "\n")
