"""What HTTP under attack does to polling and memory: bench_abuse.py LOOPGATE [SECONDS]

Four modules of eight channels are polled ten times a second while attackers do their worst to the page.
For each attack one Markdown row: how far each request's interval is from its 100 ms (p50, p99, worst),
requests that never came, what the attackers got done, and by how much resident memory rose over the
quiet run's end. The gateway has one core; modules and attackers, who are nice, have the others, as they
would be other machines.
"""
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

program = sys.argv[1]
seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
here = os.path.dirname(os.path.abspath(__file__))
PERIOD, UNITS = 0.1, 4
OTHERS = set(range(1, os.cpu_count())) or {0}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Module:
    """Answers one gateway, and notes when it is asked."""

    def __init__(self):
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            peer, _ = self.listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            count = 0
            while request := peer.recv(12):
                self.asked.append(time.monotonic())
                transaction, _, _, unit, function, _, registers = struct.unpack(">HHHBBHH", request)
                count += 1
                codes = [12_000 + (count * 7 + channel) % 50 for channel in range(registers)]
                body = struct.pack(f">BBB{registers}H", unit, function, 2 * registers, *codes)
                peer.sendall(struct.pack(">HHH", transaction, 0, len(body)) + body)


# What attackers do, each in a process of its own: they print how often they did it.

def ask(port, method, path, body=None, headers={}, source="127.0.0.1"):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    try:
        link.request(method, path, body, headers)
        return link.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0  # cut off, which is an answer too
    finally:
        link.close()


def flood(port, end):
    """New connections as fast as they are taken."""
    done = 0
    while time.monotonic() < end:
        done += ask(port, "GET", ("/health", "/", "/api/instruments")[done % 3], source=f"127.0.1.{1 + done % 50}") > 0
    return done


def login(port, end):
    """Wrong passwords for the one account, from fifty addresses."""
    done = 0
    while time.monotonic() < end:
        body = urllib.parse.urlencode({"username": "4711", "password": f"guess number {done}"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        done += ask(port, "POST", "/api/auth/login", body, headers, f"127.0.2.{1 + done % 50}") > 0
    return done


def slow(port, end):
    """Five hundred sockets, a byte now and then."""
    links, done = [], 0
    while time.monotonic() < end:
        while len(links) < 500:
            link = socket.socket()
            link.bind((f"127.0.3.{1 + done % 100}", 0))
            try:
                link.connect(("127.0.0.1", port))
            except OSError:
                break
            links.append(link)
            done += 1
        alive = []
        for link in links:
            try:
                link.send(b"G")
                alive.append(link)
            except OSError:
                link.close()
        links = alive
        time.sleep(0.2)
    return done


def large(port, end):
    """Lines, headers, cookies and bodies that are far too large, in turn."""
    done = 0
    while time.monotonic() < end:
        source = f"127.0.4.{1 + done % 50}"
        kind = done % 4
        if kind == 0:
            ask(port, "GET", "/" + "a" * 1_000_000, source=source)
        elif kind == 1:
            ask(port, "GET", "/", headers={"Cookie": "b" * 1_000_000}, source=source)
        elif kind == 2:
            ask(port, "GET", "/", headers={f"X-{i}": "c" for i in range(10_000)}, source=source)
        else:
            ask(port, "POST", "/api/auth/login", b"d" * 20_000_000, source=source)
        done += 1
    return done


ATTACKS = {
    "requests": (flood, 4, "requests as fast as they are answered, 50 addresses"),
    "sign-in": (login, 4, "wrong passwords, 50 addresses"),
    "slow": (slow, 1, "500 sockets of a byte now and then"),
    "oversize": (large, 4, "1 MB lines and cookies, 10,000 headers, 20 MB bodies"),
}

if len(sys.argv) > 4 and sys.argv[3] == "attack":
    os.nice(15)
    print(ATTACKS[sys.argv[4]][0](int(sys.argv[5]), time.monotonic() + seconds))
    sys.exit()


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) / 1024


def row(name, modules, before, done, memory):
    late, missing = [], 0
    for module in modules:
        times = [moment for moment in module.asked if moment >= before]
        gaps = [b - a for a, b in zip(times, times[1:])]
        late += [abs(gap - PERIOD) * 1e3 for gap in gaps]
        missing += sum(max(0, round(gap / PERIOD) - 1) for gap in gaps)
    late.sort()
    pick = lambda share: late[min(len(late) - 1, int(share * len(late)))]
    print(f"| {name} | {len(late)} | {pick(0.5):.2f} | {pick(0.99):.2f} | {late[-1]:.2f} | {missing} "
          f"| {done} | {memory:+.1f} |", flush=True)


os.sched_setaffinity(0, OTHERS)
modules = [Module() for _ in range(UNITS)]
with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
    port = free_port()
    with open(f"{folder}/loopgate.yaml", "w") as file:
        file.write(f"gateway: bench\nprofiles: [{here}/bench-profiles]\nclock: {{source: rtc}}\n"
                   f"journal: {{path: {folder}/journal.db}}\npage: {{port: {port}}}\nbuses:\n"
                   + "".join(f"  - {{name: net{i}, link: tcp, host: 127.0.0.1, port: {m.port}}}\n"
                             for i, m in enumerate(modules))
                   + "modules:\n"
                   + "".join(f"  - {{name: m{i}, bus: net{i}, unit: 1, profile: bench-8, period: 100ms}}\n"
                             for i in range(UNITS)))
    with open(f"{folder}/instruments.yaml", "w") as file:
        file.write("instruments:\n" + "".join(
            f"  - {{tag: U{i}-{c}, type: pressure, unit: bar, lrv: 0, urv: 16, module: m{i}, channel: {c}}}\n"
            for i in range(UNITS) for c in range(1, 9)))
    told = open(f"{folder}/told", "w+")
    gateway = subprocess.Popen([program, "run", "--config", f"{folder}/loopgate.yaml"],
                               env={**os.environ, "STATE_DIRECTORY": folder}, stdout=told, stderr=told)
    os.sched_setaffinity(gateway.pid, {0})
    try:
        limit = time.monotonic() + 30
        code = None
        while code is None or ask(port, "GET", "/health") == 0:
            if time.monotonic() > limit or gateway.poll() is not None:
                sys.exit("bench_abuse: the gateway does not start:\n" + open(told.name).read()[-2000:])
            code = re.search(r"set-up code: (\S+)", open(told.name).read())
            time.sleep(0.05)
        admin = {"code": code[1], "employee_number": "4711", "full_name": "Bench", "password": "lantern on the quay"}
        status = ask(port, "POST", "/api/setup", json.dumps(admin), {"Content-Type": "application/json"})
        if status != 201:
            sys.exit(f"bench_abuse: the first admin is refused: {status}")
        print(f"| {seconds} s of | intervals | off p50 ms | p99 ms | worst ms | missed | done | RSS MB |")
        print("|---|---|---|---|---|---|---|---|")
        time.sleep(3)
        before = time.monotonic()
        time.sleep(seconds)
        row("quiet", modules, before, "–", 0)
        for name, (_, hands, words) in ATTACKS.items():
            start = resident(gateway.pid)
            before = time.monotonic()
            attackers = [subprocess.Popen([sys.executable, __file__, program, str(seconds), "attack", name, str(port)],
                                          stdout=subprocess.PIPE, text=True) for _ in range(hands)]
            most = start
            while any(each.poll() is None for each in attackers):
                most = max(most, resident(gateway.pid))
                time.sleep(0.1)
            done = sum(int(each.communicate()[0] or 0) for each in attackers)
            row(f"{name}: {words}", modules, before, done, most - start)
            if ask(port, "GET", "/health", source="127.0.9.9") != 200:
                sys.exit(f"bench_abuse: no answer after {name}")
    finally:
        gateway.terminate()
        gateway.wait()
