"use strict";
// Everything is put on the page as text, never as markup: a tag or a unit cannot smuggle anything in.

const refreshEvery = 2000;
const byId = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function number(value, digits) {
  if (value === undefined || value === null) return "–";
  return Number(value).toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

function age(seconds) {
  if (seconds === undefined || seconds === null) return "no reading yet";
  if (seconds < 60) return `${seconds.toFixed(0)} s ago`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(0)} min ago`;
  return `${(seconds / 3600).toFixed(1)} h ago`;
}

function bytes(count) {
  return count > 1e6 ? `${number(count / 1e6, 1)} MB` : `${number(count / 1e3, 0)} kB`;
}

function digitsFor(item) {
  const span = item.urv - item.lrv;
  return span >= 1000 ? 0 : span >= 100 ? 1 : span >= 10 ? 2 : 3;
}

function card(item) {
  const stale = item.isInGap || item.age === undefined || item.age === null;
  const box = element("article", null, `card ${item.quality}${stale ? " stale" : ""}`);
  box.dataset.tag = item.tag;
  const title = element("h3", item.tag);
  title.append(element("span", item.reason === "ok" ? "good" : item.reason, "word"));
  const value = element("p", `${number(item.value, digitsFor(item))} ${item.unit}`, "value");
  const range = element("meter");
  range.min = item.lrv;
  range.max = item.urv;
  range.value = item.value ?? item.lrv;
  range.setAttribute("aria-label", `${item.tag} within ${item.lrv} to ${item.urv} ${item.unit}`);
  box.append(title, element("p", item.measuredVariable), value, range,
    element("p", `Health ${item.score ?? "–"} (${item.health})${item.penalties.length ? `: ${item.penalties[0].reason}` : ""}`, "health"),
    element("p", `${number(item.milliamps, 3)} mA · ${age(item.age)}${item.isInGap ? " · data gap" : ""}`));
  return box;
}

function table(caption, heads, rows) {
  const made = element("table");
  made.append(element("caption", caption));
  const head = element("tr");
  for (const text of heads) {
    const cell = element("th", text);
    cell.scope = "col";
    head.append(cell);
  }
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    for (const cell of row) {
      line.append(element("td", cell, typeof cell === "number" ? "number" : ""));
    }
    body.append(line);
  }
  const top = element("thead");
  top.append(head);
  made.append(top, body);
  const frame = element("div", null, "scroll");
  frame.append(made);
  return frame;
}

function busTable(bus) {
  const state = bus.isUp ? "" : ` – ${bus.fault ?? "down"}`;
  return table(`${bus.name} (${bus.link})${state}`,
    ["Module", "Unit", "State", "Requests", "Replies", "Timeouts", "CRC", "Exceptions", "Late", "ms"],
    bus.units.map((unit) => [unit.module, unit.unit, unit.detail ? `${unit.state}: ${unit.detail}` : unit.state,
      unit.counters.requests, unit.counters.replies, unit.counters.timeouts, unit.counters.crcErrors,
      unit.counters.exceptions, unit.counters.lateReplies, Number(unit.counters.responseMilliseconds.toFixed(1))]));
}

function alertTable(alerts) {
  if (alerts.length === 0) return element("p", "No alert is open.");
  return table("Open alerts", ["Severity", "What", "State", "Since", "Times", "Why"],
    alerts.map((alert) => [alert.severity, `${alert.subject}: ${alert.type.replaceAll("_", " ")}, ${alert.detail}`,
      `${alert.state}, ${alert.isActive ? "active" : "returned to normal"}`,
      new Date(alert.raisedAt / 1e6).toLocaleString(), alert.occurrences, alert.explanation]));
}

function relayText(relay) {
  const why = relay.reasons.length ? `: ${relay.reasons.join(", ")}` : "";
  return `Alarm relay ${relay.demand}${why}${relay.isHornOn ? " · horn on" : ""}`;
}

function entry(list, name, text) {
  list.append(element("dt", name), element("dd", text));
}

function show(live, health) {
  byId("gateway").textContent = live.gateway;
  document.title = `Loopgate ${live.gateway}`;
  const status = byId("status");
  status.textContent = health.status;
  status.className = { healthy: "good", degraded: "uncertain", failing: "bad" }[health.status] ?? "";
  byId("reasons").replaceChildren(...health.reasons.map((text) => element("li", text)));
  const active = live.alerts.filter((alert) => alert.isActive).length;
  byId("alert-count").textContent = live.alerts.length ? `${live.alerts.length}, ${active} active` : "";
  byId("relay").textContent = relayText(live.relay);
  byId("relay").className = live.relay.demand === "energised" ? "good" : "bad";
  byId("alerts").replaceChildren(alertTable(live.alerts));
  byId("instruments").replaceChildren(...live.instruments.map(card));
  byId("buses").replaceChildren(...live.buses.map(busTable));
  const store = element("dl");
  store.id = "store";
  entry(store, "Journal", live.store.isWorking ? "storing" : `failing: ${live.store.fault}`);
  entry(store, "Size", `${bytes(live.store.databaseBytes)} + ${bytes(live.store.logBytes)} log`);
  entry(store, "Readings", `${number(live.store.readings, 0)} this run, ${number(live.store.pending, 0)} not stored yet`);
  byId("store").replaceWith(store);
  byId("uplinks").replaceChildren(table("Uplinks", ["Uplink", "State", "Backlog", "In flight", "Delivered", "Repeats"],
    live.uplinks.map((uplink) => [uplink.name, uplink.isUp ? `up, ${uplink.broker}` : uplink.detail ?? "down",
      uplink.backlog, uplink.inFlight, uplink.counters.delivered, uplink.counters.repeats])));
  byId("refreshed").textContent = `Refreshed ${new Date().toLocaleTimeString()}`;
}

async function refresh() {
  try {
    const [live, health] = await Promise.all([
      fetch("/api/live", { cache: "no-store" }).then((reply) => reply.json()),
      fetch("/health", { cache: "no-store" }).then((reply) => reply.json()),
    ]);
    show(live, health);
    document.body.classList.remove("stale");
  } catch {
    const status = byId("status");
    status.textContent = "No answer from the gateway: the values below are old";
    status.className = "bad";
    document.body.classList.add("stale");
  }
  setTimeout(refresh, refreshEvery);
}

refresh();
