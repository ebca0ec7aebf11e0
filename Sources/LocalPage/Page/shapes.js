// Drawn things: alarm symbols, which differ by shape as well as by colour, and the analogue indicator,
// which shows where a value stands without being read.

import { h, mark, svg } from "./dom.js";
import { texts } from "./texts.js";

const outlines = {
  critical: "M8 1 L15 8 L8 15 L1 8 Z",
  warning: "M8 1.5 L15 14.5 L1 14.5 Z",
  advisory: "M2 2 H14 V14 H2 Z",
};

/** The symbol of a severity; filled while nobody has acknowledged. */
export function symbol(severity, isFilled = true, isNamed = true) {
  return svg("svg", {
    class: `symbol ${severity}${isFilled ? "" : " outline"}`, viewBox: "0 0 16 16",
    role: isNamed ? "img" : null, "aria-label": isNamed ? texts.severity[severity] : null,
    "aria-hidden": isNamed ? null : "true",
  }, svg("path", { d: outlines[severity] ?? outlines.advisory }));
}

/** Words in a frame: the state of one thing. */
export function chip(text, kind = "") {
  return h("span", { class: `chip ${kind}` }, text);
}

/** The symbol of an alert with what it is about, short enough for a card. */
export function alertChip(alert) {
  return h("span", {
    class: `chip alarm ${alert.severity}${alert.state === "raised" ? "" : " seen"}${alert.active ? "" : " gone"}`,
    title: alert.explanation,
  }, symbol(alert.severity, alert.state === "raised"), texts.alertShort(alert));
}

/**
 * A scale with the usual region between low and high, the limits as ticks, and a pointer.
 * `set(value, severity)` moves the pointer; null hides it.
 */
export function indicator(instrument) {
  const { range_min: low, range_max: high, nominal_value: nominal } = instrument;
  const limits = instrument.limits ?? {};
  const place = (value) => Math.min(100, Math.max(0, ((value - low) / (high - low || 1)) * 100));
  const has = (value) => value !== null && value !== undefined;
  const from = has(limits.low) ? place(limits.low) : 0;
  const to = has(limits.high) ? place(limits.high) : 100;
  const pointer = svg("path", { class: "pointer", d: "M0 9 L-3.2 1 L3.2 1 Z" });
  const hand = svg("svg", { class: "hand", x: "0", y: "0", width: "1", height: "10", overflow: "visible" }, pointer);
  const element = svg("svg", { class: "indicator", width: "100%", height: "18", "aria-hidden": "true" },
    svg("rect", { class: "scale", x: "0", y: "9", width: "100%", height: "7" }),
    svg("rect", { class: "usual", x: `${from}%`, y: "9", width: `${Math.max(0, to - from)}%`, height: "7" }),
    [limits.low_low, limits.low, limits.high, limits.high_high].filter(has).map((limit) =>
      svg("line", { class: "limit", x1: `${place(limit)}%`, x2: `${place(limit)}%`, y1: "8", y2: "17" })),
    has(nominal) && svg("line", { class: "nominal", x1: `${place(nominal)}%`, x2: `${place(nominal)}%`, y1: "11", y2: "14" }),
    hand);
  return {
    element,
    set(value, severity) {
      mark(hand, "visibility", has(value) ? null : "hidden");
      if (has(value)) mark(hand, "x", `${place(value).toFixed(1)}%`);
      mark(pointer, "class", severity ? `pointer ${severity}` : "pointer");
    },
  };
}

/** A bar from 0 to 100 with its number; `set(score, label)`. */
export function scoreBar() {
  const bar = svg("rect", { class: "level", x: "0", y: "0", height: "6", width: "0" });
  const number = h("b", null, texts.none);
  const label = h("span", { class: "quiet" });
  const element = h("p", { class: "score" },
    h("span", { class: "quiet" }, texts.card.health), number,
    svg("svg", { width: "100%", height: "6", "aria-hidden": "true" },
      svg("rect", { class: "scale", x: "0", y: "0", width: "100%", height: "6" }), bar),
    label);
  return {
    element,
    set(score, word) {
      const text = score === null || score === undefined ? texts.none : String(Math.round(score));
      if (number.textContent !== text) number.textContent = text;
      mark(bar, "width", `${Math.max(0, Math.min(100, score ?? 0))}%`);
      const words = texts.health[word] ?? word ?? "";
      if (label.textContent !== words) label.textContent = words;
    },
  };
}

/** How far a job has come. */
export function progress(value, label) {
  return h("progress", { max: 1, value, "aria-label": label });
}
