"""Writes a Loopgate configuration for the bench harness: bench_config.py FOLDER MODBUS MQTT SLAVES CHANNELS INTERVAL_MS FORM"""
import os
import sys

folder, modbus, mqtt, slaves, channels, interval, form = sys.argv[1:8]
here = os.path.dirname(os.path.abspath(__file__))
with open(f"{folder}/loopgate.yaml", "w") as f:
    f.write(f"""gateway: bench
profiles: [{here}/bench-profiles]
clock: {{source: rtc}}
journal: {{path: {folder}/journal.db}}
page: {{port: {int(mqtt) - 3000}}}
buses:
""")
    # Fast polling wants a connection per unit: one bus counts on 10 ms for a module's answer.
    shared = int(interval) >= 1000
    for unit in [1] if shared else range(1, int(slaves) + 1):
        port = int(modbus) + unit - 1
        f.write(f"  - {{name: net{unit}, link: tcp, host: 127.0.0.1, port: {port}}}\n")
    f.write("modules:\n")
    for unit in range(1, int(slaves) + 1):
        bus = 1 if shared else unit
        f.write(f"  - {{name: m{unit}, bus: net{bus}, unit: {unit}, profile: bench-8, period: {interval}ms}}\n")
    f.write(f'uplink:\n  - {{name: bench, brokers: ["127.0.0.1:{mqtt}"], form: {form}}}\n')
with open(f"{folder}/instruments.yaml", "w") as f:
    f.write("instruments:\n")
    for unit in range(1, int(slaves) + 1):
        for channel in range(int(channels)):
            f.write(f"  - {{tag: U{unit}-{channel}, type: pressure, unit: bar, lrv: 0, urv: 16, "
                    f"module: m{unit}, channel: {channel + 1}}}\n")
