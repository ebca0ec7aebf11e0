// A trend with its ranges, its statistics, and a cursor for pointer and keyboard; on request with a span
// that can be marked.

import { get, query } from "../api.js";
import { button, facts, h, mark, say, table } from "../dom.js";
import { digitsFor, fieldTime, moment, number, timeOfField } from "../format.js";
import { on } from "../store.js";
import { texts } from "../texts.js";
import { loadChart, TrendChart } from "../trendchart.js";

const hour = 3_600_000;
const ranges = [["1h", hour], ["6h", 6 * hour], ["24h", 24 * hour], ["3d", 72 * hour], ["7d", 168 * hour]];
const refreshEvery = 30_000;

/** The range that was looked at last, for the next instrument too. */
let chosen = { name: "24h", from: null, to: null };

/**
 * The trend of an instrument until `signal` aborts. With `onSpan` a span can be marked by dragging, by
 * keyboard or in two fields; it is called with `{from, to}` in milliseconds. `span` is shown at first.
 */
export function trendPanel(instrument, signal, { onSpan, span = null } = {}) {
  const digits = digitsFor(instrument.range_min, instrument.range_max);
  const canvas = h("canvas", { tabindex: "0", role: "img", "aria-label": texts.trend.loading });
  const words = h("p", { class: "words trend-state", role: "status" }, texts.trend.loading);
  const readout = h("output", { class: "readout number", "aria-live": "polite" }, "\u00a0");
  const figures = h("div", { class: "figures" });
  const list = h("div");
  const csv = h("a", { class: "button", download: "" }, texts.trend.csv);
  const buttons = ranges.map(([name]) => button(texts.trend.range[name], () => choose({ name })));
  const custom = button(texts.trend.range.custom, () => { customFields.hidden = !customFields.hidden; });
  const wholeRange = h("input", { type: "checkbox", on: { change: () => { if (chart) chart.wholeRange = wholeRange.checked; } } });
  const customFrom = h("input", { type: "datetime-local", step: 1, name: "from" });
  const customTo = h("input", { type: "datetime-local", step: 1, name: "to" });
  const customFault = h("p", { class: "fault", role: "alert" });
  const customFields = h("form", { class: "custom", hidden: true, on: { submit: takeCustom } },
    h("label", null, texts.trend.from, customFrom), h("label", null, texts.trend.to, customTo),
    h("button", { type: "submit" }, texts.trend.apply), customFault);
  let chart = null;
  let shown = [];
  let trend = null;
  let cursor = null;
  let asked = 0;
  let loadedAt = 0;

  const legend = h("p", { class: "legend quiet" }, texts.trend.legend.map(([kind, text]) =>
    h("span", null, h("i", { class: kind, "aria-hidden": "true" }), text)));
  const element = h("div", { class: "trend" },
    h("div", { class: "bar" },
      h("div", { class: "group", role: "group", "aria-label": texts.trend.ranges }, buttons, custom),
      h("div", { class: "group" },
        button("‹", () => shift(-0.5), { "aria-label": texts.trend.earlier }),
        button("›", () => shift(0.5), { "aria-label": texts.trend.later })),
      h("label", { class: "check" }, wholeRange, texts.trend.wholeRange), csv),
    customFields,
    h("div", { class: `plot${onSpan ? " marking" : ""}` }, canvas, words),
    readout, onSpan ? null : legend, figures,
    h("details", { class: "points" }, h("summary", null, texts.trend.asTable), list));
  list.parentElement.addEventListener("toggle", fillList);

  function bounds() {
    if (chosen.name === "custom") return { from: chosen.from, to: chosen.to };
    const to = Date.now();
    return { from: to - Object.fromEntries(ranges)[chosen.name], to };
  }

  function choose(next) {
    chosen = next;
    load();
  }

  function shift(share) {
    const { from, to } = bounds();
    const by = (to - from) * share;
    if (to + by > Date.now() && share > 0) return choose({ name: nameOf(to - from) ?? "24h" });
    choose({ name: "custom", from: from + by, to: to + by });
  }

  function nameOf(width) { return ranges.find(([, each]) => Math.abs(each - width) < 1000)?.[0]; }

  function takeCustom(event) {
    event.preventDefault();
    const from = timeOfField(customFrom.value);
    const to = timeOfField(customTo.value);
    const isWrong = !(from < to);
    say(customFault, isWrong ? texts.trend.badRange : "");
    mark(customFrom, "aria-invalid", isWrong ? "true" : null);
    if (!isWrong) choose({ name: "custom", from, to });
  }

  async function load() {
    const mine = ++asked;
    const { from, to } = bounds();
    const iso = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    ranges.forEach(([name], index) => mark(buttons[index], "aria-pressed", String(chosen.name === name)));
    mark(custom, "aria-pressed", String(chosen.name === "custom"));
    customFrom.value = fieldTime(from);
    customTo.value = fieldTime(to);
    csv.href = query("/api/readings/export", { tag_number: instrument.tag_number, ...iso });
    loadedAt = Date.now();
    try {
      const [Chart, answer] = await Promise.all([
        loadChart(), get(query("/api/readings/trends", { tag_number: instrument.tag_number, ...iso, points: 600 })),
      ]);
      if (mine !== asked || signal.aborted) return;
      trend = answer;
      if (!chart) {
        chart = new TrendChart(Chart, canvas, { digits, unit: instrument.unit, onCursor: (index) => read(index) });
        chart.wholeRange = wholeRange.checked;
      }
      shown = chart.show(trend);
      chart.span = span;
      say(words, trend.points.length ? "" : texts.trend.empty);
      describe();
    } catch (problem) {
      if (mine === asked) say(words, problem.message);
    }
  }

  function describe() {
    const { statistics } = trend;
    const unit = (value) => `${number(value, digits)} ${instrument.unit}`;
    mark(canvas, "aria-label", texts.trend.describe(instrument, trend, unit));
    figures.replaceChildren(facts([
      [texts.trend.min, unit(statistics.min)], [texts.trend.mean, unit(statistics.mean)], [texts.trend.max, unit(statistics.max)],
      [texts.trend.count, number(statistics.count)], [texts.trend.uncertain, number(statistics.uncertain)],
      [texts.trend.bad, number(statistics.bad)], [texts.trend.level, texts.trend.levels[trend.level] ?? trend.level],
    ]));
    fillList();
  }

  function fillList() {
    if (!list.parentElement.open || !trend) return;
    const step = Math.max(1, Math.ceil(trend.points.length / 60));
    list.replaceChildren(table(texts.trend.asTable, texts.trend.heads, trend.points
      .filter((_, index) => index % step === 0)
      .map((point) => [moment(point.t), number(point.min, digits), number(point.mean, digits), number(point.max, digits),
        texts.quality[point.quality] ?? point.quality]), { numeric: [1, 2, 3], stacks: false }));
  }

  function read(index) {
    cursor = index;
    const point = index === null ? null : shown[index];
    say(readout, point ? texts.trend.point(moment(point.t), point.mean === null ? texts.none : `${number(point.mean, digits)} ${instrument.unit}`, texts.quality[point.quality] ?? point.quality) : "\u00a0");
  }

  canvas.addEventListener("keydown", (event) => {
    if (!chart || !shown.length) return;
    const step = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: (cursor ?? shown.length) - step, ArrowRight: (cursor ?? -1) + step, Home: 0, End: shown.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      read(Math.min(shown.length - 1, Math.max(0, to)));
      chart.cursor = cursor;
    } else if (event.key === "Enter" && onSpan && cursor !== null) {
      event.preventDefault();
      const time = shown[cursor].t;
      setSpan(span && span.from === span.to ? { from: span.from, to: time } : { from: time, to: time });
    } else if (event.key === "Escape" && cursor !== null) {
      chart.cursor = null;
      read(null);
    }
  });

  function setSpan(next) {
    span = next;
    if (chart) chart.span = span;
    if (span && span.from !== span.to) onSpan({ from: Math.min(span.from, span.to), to: Math.max(span.from, span.to) });
  }

  if (onSpan) {
    let start = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (!chart || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      start = chart.timeAt(event.clientX);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const to = chart.timeAt(event.clientX);
      if (to !== start) setSpan({ from: start, to });
    });
    const end = () => { start = null; };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
  }

  on("tick", () => {
    if (chosen.name !== "custom" && !onSpan && Date.now() - loadedAt > refreshEvery && !document.hidden) load();
  }, signal);
  on("theme", () => chart?.repaint(), signal);
  signal.addEventListener("abort", () => chart?.destroy());
  load();
  return { element, setSpan: (next) => { span = next; if (chart) chart.span = next; }, bounds };
}
