"""Prints the bench's results as a Markdown table: bench_table.py RESULTS.jsonl WATCHED.jsonl"""
import json
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
watched = {w["label"]: w for w in map(json.loads, open(sys.argv[2]))}
for r in rows:
    r.update(watched.get(r["label"], {}))
floors = {r["label"].split()[-1]: r for r in rows if r["label"].startswith("floor")}
columns = [("CPU s/10⁶", "cpu_s_per_1e6"), ("RSS MB", "rss_mb"), ("private MB", "private_mb"), ("p50 ms", None), ("p99 ms", None),
           ("received/s", "received_per_s"), ("disk B/reading", "disk_bytes_per_reading"), ("lost", "lost"),
           ("doubled", "duplicates"), ("start ms", "start_ms"),
           ("drain rows/s", "drain_per_s")]
print("| run | " + " | ".join(c for c, _ in columns) + " | CPU ÷ floor | RSS ÷ floor | private ÷ floor |")
print("|---|" + "---|" * (len(columns) + 4))
for r in rows:
    values = []
    for name, key in columns:
        if key is None:
            values.append(r.get("latency_ms", {}).get(name.split()[0], "–"))
        else:
            values.append(r.get(key, "–"))
    floor = floors.get(r["label"].replace(" asked", "").split()[-1])
    def ratio(key):
        if not floor or floor is r or not floor.get(key) or r.get(key) is None:
            return "–"
        return f"{r[key] / floor[key]:.2f}"
    print(f"| {r['label']} | " + " | ".join(str(v) for v in values) + f" | {ratio('cpu_s_per_1e6')} | {ratio('rss_mb')} | {ratio('private_mb')} |")
