"""Turns Loopgate's messages back into the simulator's register values for the bench harness."""
import json
import re

_TAG = re.compile(r"U(\d+)-(\d+)")


def cmms(topic, payload):
    if not topic.endswith("/reading"):
        return []
    unit, channel = map(int, _TAG.search(topic).groups())
    return [(unit, channel, round(json.loads(payload)["mA"] * 1000))]


def batch(topic, payload):
    if not topic.endswith("/batch"):
        return []
    body = json.loads(payload)
    out = []
    for tag, current in zip(body["tag"], body["mA"]):
        if current is not None:
            unit, channel = map(int, _TAG.search(tag).groups())
            out.append((unit, channel, round(current * 1000)))
    return out
