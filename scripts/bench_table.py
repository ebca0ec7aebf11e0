"""Prints the bench's results as a Markdown table: bench_table.py RESULTS.jsonl WATCHED.jsonl

In brackets: how many times the floor's figure under the same load.
"""
import json
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
watched = {w["label"]: w for w in map(json.loads, open(sys.argv[2]))}
for row in rows:
    row.update(watched.get(row["label"], {}))
    latency = row.get("latency_ms", {})
    row["p50_ms"], row["p99_ms"] = latency.get("p50"), latency.get("p99")


def load(row):
    """The load's name: the label without the program."""
    for program in ("floor ", "loopgate cmms ", "loopgate batch ", "naive "):
        if row["label"].startswith(program):
            return row["label"][len(program):]
    return row["label"]


floors = {load(row): row for row in rows if row["label"].startswith("floor")}
columns = [
    ("CPU s/10⁶", "cpu_s_per_1e6", True), ("RSS MB", "rss_mb", True), ("private MB", "private_mb", True),
    ("of it dirty", "dirty_mb", True), ("p50 ms", "p50_ms", True), ("p99 ms", "p99_ms", True),
    ("received/s", "received_per_s", True), ("disk B/reading", "disk_bytes_per_reading", True),
    ("drain rows/s", "drain_per_s", True), ("start ms", "start_ms", False), ("lost", "lost", False),
    ("doubled", "duplicates", False),
]
print("| run | " + " | ".join(name for name, _, _ in columns) + " |")
print("|---|" + "---|" * len(columns))
for row in rows:
    floor = floors.get(load(row))
    cells = []
    for _, key, compares in columns:
        value = row.get(key)
        if value is None:
            cells.append("–")
            continue
        ratio = ""
        if compares and floor and floor is not row and floor.get(key):
            ratio = f" ({value / floor[key]:.2f} ×)"
        cells.append(f"{value}{ratio}")
    print(f"| {row['label']} | " + " | ".join(cells) + " |")
