"""How soon the alarm output acts: bench_relay.py LOOPGATE TRIALS [LOAD_UNITS]

A Modbus TCP module of its own takes one channel over its high-high limit. The time runs from just after
the answer was handed to the kernel until the output's file (`sysfs`) reads safe: network stack, bus
thread, judgement, relay thread and file, with no delay asked for. With LOAD_UNITS as many further
modules of eight channels are polled ten times a second beside it, over one connection each.
One Markdown row comes out.
"""
import os
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time

program, trials = sys.argv[1], int(sys.argv[2])
load = int(sys.argv[3]) if len(sys.argv) > 3 else 0
here = os.path.dirname(os.path.abspath(__file__))
NORMAL, ALARM, PATIENCE = 12_000, 19_000, 30.0


class Plant:
    """What the modules answer, and the output's file."""
    code = NORMAL
    sent = None  # when the first answer that holds the alarm was out
    count = 0


class Module(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        alarms = self.server.server_address[1] == alarm_port
        while True:
            request = b""
            while len(request) < 12:
                part = self.request.recv(12 - len(request))
                if not part:
                    return
                request += part
            transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", request)
            Plant.count += 1
            # The lowest bits move, so that nothing looks stuck.
            codes = [NORMAL + (Plant.count * 7 + channel) % 50 for channel in range(count)]
            armed = alarms and Plant.code == ALARM
            if armed:
                codes[0] = ALARM
            body = struct.pack(f">BBB{count}H", unit, function, 2 * count, *codes)
            self.request.sendall(struct.pack(">HHH", transaction, 0, len(body)) + body)
            if armed and Plant.sent is None:
                Plant.sent = time.monotonic_ns()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve():
    server = Server(("127.0.0.1", 0), Module)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


alarm_port = None
ports = [serve() for _ in range(load + 1)]
alarm_port = ports[0]

with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
    output = f"{folder}/relay"
    with open(output, "w") as file:
        file.write("0")
    buses = "".join(f"  - {{name: net{i}, link: tcp, host: 127.0.0.1, port: {p}}}\n" for i, p in enumerate(ports))
    modules = "".join(
        f"  - {{name: m{i}, bus: net{i}, unit: 1, profile: bench-8, period: {20 if i == 0 else 100}ms}}\n"
        for i in range(len(ports)))
    with open(f"{folder}/loopgate.yaml", "w") as file:
        file.write(f"""gateway: bench
profiles: [{here}/bench-profiles]
clock: {{source: rtc}}
journal: {{path: {folder}/journal.db}}
page: {{port: {free_port()}}}
relay: {{output: sysfs, path: {output}, minimumDwell: 0s}}
buses:
{buses}modules:
{modules}""")
    with open(f"{folder}/instruments.yaml", "w") as file:
        file.write("instruments:\n")
        for i in range(len(ports)):
            for channel in range(1, 9):
                limits = ", limits: {highHigh: 14, high: 13.5, deadband: 0.1, onDelay: 0s, offDelay: 0s}"
                file.write(f"  - {{tag: U{i}-{channel}, type: pressure, unit: bar, lrv: 0, urv: 16, "
                           f"module: m{i}, channel: {channel}{limits if i == 0 and channel == 1 else ''}}}\n")
    gateway = subprocess.Popen([program, "run", "--log-level", "error", "--config", f"{folder}/loopgate.yaml"],
                               env={**os.environ, "STATE_DIRECTORY": folder},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    descriptor = os.open(output, os.O_RDONLY)

    def wait(text):
        """When the output first read `text`."""
        limit = time.monotonic_ns() + int(PATIENCE * 1e9)
        while os.pread(descriptor, 1, 0) != text:
            if time.monotonic_ns() > limit or gateway.poll() is not None:
                sys.exit(f"bench_relay: the output did not read {text} within {PATIENCE:.0f} s")
        return time.monotonic_ns()

    try:
        times = []
        for trial in range(trials):
            wait(b"1")
            # Not in step with the polling.
            time.sleep(0.05 + trial % 17 / 1000)
            Plant.sent = None
            Plant.code = ALARM
            seen = wait(b"0")
            while Plant.sent is None:
                pass
            # The file can read safe before the module's own thread has noted that the answer is out.
            times.append(max(0, seen - Plant.sent) / 1e6)
            Plant.code = NORMAL
    finally:
        gateway.terminate()
        gateway.wait()

times.sort()
pick = lambda share: times[min(len(times) - 1, int(share * len(times)))]
print(f"| relay, {len(ports) * 8} channels, {trials} alarms | p50 {pick(0.5):.2f} ms | p99 {pick(0.99):.2f} ms "
      f"| worst {times[-1]:.2f} ms |")
