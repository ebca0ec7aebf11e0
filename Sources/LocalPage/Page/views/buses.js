// The plant's side and the central system's: buses, modules, uplinks, the journal.

import { get } from "../api.js";
import { facts, h } from "../dom.js";
import { bytes, length, moment, number } from "../format.js";
import { link } from "../router.js";
import { chip } from "../shapes.js";
import { on, state } from "../store.js";
import { texts } from "../texts.js";

const refreshEvery = 5;

export function busesView(_, signal) {
  const buses = h("div", null, h("p", { role: "status" }, texts.loading));
  const central = h("div", { class: "panels" });
  const reasons = h("ul", { class: "diagnosis" });
  const open = new Set();
  let beats = 0;

  async function load() {
    try {
      const [lines, uplinks, store] = await Promise.all([get("/api/buses"), get("/api/uplinks"), get("/api/store")]);
      if (signal.aborted) return;
      buses.replaceChildren(...lines.map((line) => bus(line, open)));
      central.replaceChildren(...uplinks.map(uplink), journal(store));
    } catch (problem) {
      buses.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  }
  const showReasons = () => {
    const all = state.health?.reasons ?? [];
    if (reasons.childElementCount === all.length && all.every((text, index) => reasons.children[index].textContent === text)) return;
    reasons.replaceChildren(...all.map((text) => h("li", null, text)));
  };
  on("tick", () => { if (++beats % refreshEvery === 0 && !document.hidden) load(); }, signal);
  on("summary", showReasons, signal);
  showReasons();
  load();
  return h("section", { class: "buses" }, h("h1", null, texts.ways.buses), reasons, buses,
    h("h2", null, texts.bus.central), central);
}

function bus(line, open) {
  return h("section", { class: "bus" },
    h("h2", null, line.name, " ", h("span", { class: "quiet" }, line.link), " ",
      line.up ? chip(texts.bus.up) : chip(line.fault ?? texts.bus.down, "strong"),
      line.link_losses ? h("span", { class: "quiet" }, ` ${texts.bus.losses(line.link_losses)}`) : null),
    line.diagnosis.length > 0 && h("ul", { class: "diagnosis" }, line.diagnosis.map((text) => h("li", null, text))),
    h("div", { class: "panels" }, line.modules.map((module) => modulePanel(module, `${line.name}/${module.name}`, open))));
}

function modulePanel(module, key, open) {
  const { counters = {} } = module;
  const details = h("details", { open: open.has(key), on: { toggle: () => (details.open ? open.add(key) : open.delete(key)) } },
    h("summary", null, texts.bus.counters),
    facts(Object.entries(counters).map(([name, value]) => [texts.counter[name] ?? name.replaceAll("_", " "),
      number(value, name === "response_ms" ? 1 : 0)])),
    facts([[texts.bus.lastFrame, module.last_frame_at && moment(module.last_frame_at)],
      [texts.bus.request, module.last_request_hex && h("code", null, module.last_request_hex)],
      [texts.bus.reply, module.last_reply_hex && h("code", null, module.last_reply_hex)]]));
  const isWell = module.state === "answering";
  return h("section", { class: "panel module", "data-module": module.name },
    h("h3", null, module.name, " ", h("span", { class: "quiet" }, texts.bus.unit(module.unit)), " ",
      chip(texts.moduleState[module.state] ?? module.state, isWell ? "" : "strong")),
    h("p", { class: "quiet" }, [module.profile, module.detail,
      !isWell && module.silent_since && texts.bus.silentSince(moment(module.silent_since))].filter(Boolean).join(" · ")),
    h("p", { class: "quiet number" }, texts.bus.brief(number(counters.requests), number(counters.timeouts), number(counters.response_ms, 1))),
    h("ul", { class: "channels" }, (module.channels ?? []).map((channel) => h("li", null,
      h("a", {
        href: channel.tag_number ? link("instrument", channel.tag_number, "trend") : null, "data-quality": channel.quality,
        title: texts.qualityWords(channel.quality, channel.reason),
      }, h("span", { class: "quiet" }, channel.channel), " ", channel.tag_number ?? texts.none,
      channel.quality !== "good" && h("span", { class: "reason" }, texts.reason[channel.reason] ?? channel.reason))))),
    details);
}

function uplink(one) {
  return h("section", { class: "panel" },
    h("h3", null, one.name, " ", chip(one.up ? texts.bus.up : texts.bus.down, one.up ? "" : "strong")),
    facts([
      [texts.uplink.broker, one.broker], [texts.uplink.fault, one.up ? null : one.detail ?? one.reason],
      [texts.uplink.since, length(one.since_seconds)],
      [texts.uplink.backlog, number(one.backlog)], [texts.uplink.inFlight, number(one.in_flight)],
      ...["published", "delivered", "repeats", "refused", "quarantined", "thinned"]
        .filter((name) => one[name]).map((name) => [texts.counter[name], number(one[name])]),
    ]));
}

function journal(store) {
  return h("section", { class: "panel" },
    h("h3", null, texts.journal.title, " ", chip(store.working ? texts.journal.storing : texts.journal.failing, store.working ? "" : "strong")),
    facts([
      [texts.journal.fault, store.fault], [texts.journal.size, texts.journal.of(bytes(store.database_bytes), bytes(store.quota_bytes))],
      [texts.journal.log, bytes(store.log_bytes)], [texts.journal.readings, number(store.readings)],
      [texts.journal.pending, number(store.pending)], [texts.journal.failures, number(store.failures)],
      ...Object.entries(store.retention_days ?? {}).map(([level, days]) =>
        [texts.journal.kept[level] ?? level, days === null ? texts.journal.forEver : texts.journal.days(days)]),
    ]));
}
