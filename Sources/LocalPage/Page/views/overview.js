// The plant at a glance: figures, what is to be mended, and a card for every instrument.

import { get, query } from "../api.js";
import { button, h, mark, say } from "../dom.js";
import { number } from "../format.js";
import { go, link } from "../router.js";
import { alertsOf, isAdmin, isStale, on, state } from "../store.js";
import { texts } from "../texts.js";
import { makeCard } from "./card.js";

/** Filters stay as they were while the page is open. */
const filter = { words: "", area: "", type: "", state: "", order: "tag" };

export function overviewView(_, signal) {
  const cards = new Map();
  const grid = h("div", { class: "cards" });
  let retired = [];
  const count = h("p", { class: "quiet count", role: "status" });
  const areas = selector("area", texts.filter.everyArea);
  const types = selector("type", texts.filter.everyType);
  const element = h("section", { class: "overview", "aria-label": texts.ways.plant },
    h("h1", { class: "hidden" }, texts.ways.plant),
    tiles(signal),
    h("form", { class: "filters", role: "search", on: { submit: (event) => event.preventDefault() } },
      h("input", {
        type: "search", name: "search", placeholder: texts.filter.search, "aria-label": texts.filter.search,
        props: { value: filter.words }, on: { input: (event) => { filter.words = event.target.value; arrange(); } },
      }),
      areas.element, types.element,
      selector("state", texts.filter.everyState, Object.entries(texts.filter.state)).element,
      selector("order", null, Object.entries(texts.filter.order)).element,
      isAdmin() && button(texts.register.add, () => go("new-instrument")), count),
    grid);

  function selector(key, every, options = []) {
    const select = h("select", {
      "aria-label": texts.filter.label[key], on: { change: () => { filter[key] = select.value; (select.value === "retired" ? loadRetired : arrange)(); } },
    });
    const fill = (entries) => {
      select.replaceChildren(every ? h("option", { value: "" }, every) : "",
        ...entries.map(([value, text]) => h("option", { value, selected: value === filter[key] }, text)));
    };
    fill(options);
    return { element: select, fill };
  }

  function build() {
    const shown = [...state.instruments.values()];
    cards.clear();
    for (const instrument of [...shown, ...retired]) cards.set(instrument.tag_number, makeCard(instrument));
    const distinct = (key) => [...new Set(shown.map((item) => item[key]).filter(Boolean))].sort();
    areas.fill(distinct("process_unit").map((name) => [name, name]));
    types.fill(distinct("instrument_type").map((name) => [name, texts.type[name] ?? name]));
    arrange();
    if (filter.state === "retired") loadRetired();
  }

  async function loadRetired() {
    try {
      retired = await get(query("/api/instruments", { retired: true }));
      for (const instrument of retired) cards.set(instrument.tag_number, makeCard(instrument));
      arrange();
    } catch (problem) {
      say(count, problem.message);
    }
  }

  function arrange() {
    const all = filter.state === "retired" ? retired : [...state.instruments.values()];
    const wanted = all.filter(isWanted).sort(orders[filter.order]);
    grid.replaceChildren(...wanted.map((item) => cards.get(item.tag_number).element));
    if (!wanted.length) grid.append(h("p", { class: "empty" }, state.instruments.size ? texts.filter.nothing : texts.register.none));
    say(count, texts.filter.count(wanted.length, state.instruments.size));
    update();
  }

  function update() {
    for (const card of cards.values()) if (card.element.isConnected || !grid.isConnected) card.update();
  }

  on("instruments", build, signal);
  on("readings alerts connection", update, signal);
  on("tick", () => { for (const card of cards.values()) card.tick(); }, signal);
  build();
  return element;
}

function isWanted(item) {
  const words = filter.words.trim().toLowerCase();
  const text = [item.tag_number, item.measured_variable, item.process_unit, item.location, item.associated_equipment]
    .join(" ").toLowerCase();
  return (!words || words.split(/\s+/).every((word) => text.includes(word)))
    && (!filter.area || item.process_unit === filter.area)
    && (!filter.type || item.instrument_type === filter.type)
    && (!filter.state || states[filter.state](item));
}

const states = {
  alert: (item) => alertsOf(item.tag_number).some((alert) => alert.active),
  distrusted: (item) => {
    const reading = state.live.get(item.tag_number);
    return isStale(reading) || reading.quality !== "good";
  },
  unhealthy: (item) => (state.live.get(item.tag_number)?.score ?? 100) < 65,
  calibration: (item) => ["overdue", "due-soon", "never"].includes(item.calibration_status),
  untrained: (item) => !item.ml_trained,
  retired: (item) => item.retired,
};

const byTag = (a, b) => a.tag_number.localeCompare(b.tag_number, texts.locale, { numeric: true });
const score = (item) => state.live.get(item.tag_number)?.score ?? -1;
const orders = {
  tag: byTag,
  area: (a, b) => (a.process_unit ?? "").localeCompare(b.process_unit ?? "") || byTag(a, b),
  health: (a, b) => score(a) - score(b) || byTag(a, b),
};

function tiles(signal) {
  const tile = (text, to, className = "") => {
    const value = h("b", { class: "number" }, texts.none);
    const more = h("span", { class: "quiet more" });
    return { element: h("a", { class: `tile ${className}`, href: to }, h("span", { class: "quiet" }, text), value, more), value, more };
  };
  const instruments = tile(texts.tile.instruments, "#/");
  const overdue = tile(texts.tile.overdue, "#/");
  const active = tile(texts.tile.active, link("alerts"));
  const orders = tile(texts.tile.orders, link("alerts"));
  const gateway = tile(texts.tile.gateway, link("buses"), "wide");
  overdue.element.addEventListener("click", () => { filter.state = "calibration"; });
  instruments.element.addEventListener("click", () => { Object.assign(filter, { words: "", area: "", type: "", state: "" }); });
  for (const one of [instruments, overdue]) {
    // Both lead to where one already is: the filter is what changes.
    one.element.addEventListener("click", (event) => { event.preventDefault(); go(""); });
  }
  const show = () => {
    const { summary, health } = state;
    if (!summary) return;
    say(instruments.value, number(summary.instruments));
    const readings = [...state.live.values()];
    const trusted = readings.filter((reading) => reading.quality === "good" && !isStale(reading)).length;
    say(instruments.more, texts.tile.trusted(trusted));
    say(overdue.value, number(summary.calibration_overdue));
    say(active.value, number(summary.active_alerts));
    say(active.more, texts.tile.waiting(summary.unacknowledged));
    say(orders.value, number(summary.open_work_orders));
    mark(orders.element, "hidden", summary.open_work_orders === null || summary.open_work_orders === undefined);
    say(gateway.value, texts.gatewayHealth[health?.status] ?? health?.status ?? texts.none);
    const reasons = health?.reasons ?? [];
    say(gateway.more, reasons.length ? texts.tile.reasons(reasons) : texts.tile.nothing);
    mark(gateway.element, "title", reasons.join("\n"));
  };
  on("summary readings", show, signal);
  show();
  return h("div", { class: "tiles" }, [instruments, overdue, active, orders, gateway].map((one) => one.element));
}
