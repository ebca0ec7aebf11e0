// One instrument at a glance.

import { h, mark, say } from "../dom.js";
import { age, digitsFor, number } from "../format.js";
import { link } from "../router.js";
import { alertChip, indicator, scoreBar } from "../shapes.js";
import { ageOf, alertsOf, isStale, state } from "../store.js";
import { texts } from "../texts.js";

const chipsShown = 2;

/** A card that leads to the instrument's trend: `update` after readings or alerts, `tick` each second. */
export function makeCard(instrument) {
  const tag = instrument.tag_number;
  const digits = digitsFor(instrument.range_min, instrument.range_max);
  const value = h("b", { class: "value number" });
  const current = h("span", { class: "number quiet" });
  const quality = h("span", { class: "quality" });
  const old = h("span", { class: "age number" });
  const scale = indicator(instrument);
  const score = scoreBar();
  const chips = h("p", { class: "chips" });
  const element = h("a", { class: "card", href: link("instrument", tag, "trend"), "data-tag": tag },
    h("span", { class: "head" }, h("span", { class: "tag" }, tag), old),
    h("span", { class: "what" }, instrument.measured_variable),
    h("span", { class: "reading" }, h("span", null, value, " ", h("span", { class: "unit" }, instrument.unit)), current),
    scale.element,
    score.element,
    h("span", { class: "foot" }, quality, chips));
  let chipsAre = null;

  function update() {
    const reading = state.live.get(tag);
    const alerts = alertsOf(tag);
    const active = alerts.find((alert) => alert.active);
    const isUsable = reading && reading.value !== null && reading.quality !== "bad";
    say(value, number(reading?.value, digits));
    say(current, reading?.milliamps === null || reading?.milliamps === undefined ? "" : `${number(reading.milliamps, 3)} mA`);
    const words = texts.qualityWords(reading?.quality, reading?.reason);
    // Where an alert says why, the word for the level is enough.
    say(quality, active && reading ? texts.quality[reading.quality] ?? words : words);
    mark(quality, "title", words);
    mark(quality, "data-quality", reading?.quality ?? "bad");
    mark(element, "data-quality", reading?.quality ?? "bad");
    mark(element, "data-severity", active?.severity);
    scale.set(isUsable ? reading.value : null, active?.alert_type === "rule_violation" ? active.severity : null);
    score.set(reading?.score, reading?.health);
    showChips(alerts);
    tick();
  }

  function showChips(alerts) {
    const is = alerts.map((alert) => `${alert.id}${alert.state}${alert.active}${alert.severity}`).join();
    if (is === chipsAre) return;
    chipsAre = is;
    const rest = alerts.length - chipsShown;
    chips.replaceChildren(...alerts.slice(0, chipsShown).map(alertChip),
      rest > 0 ? h("span", { class: "chip" }, `+${rest}`) : "");
  }

  function tick() {
    const reading = state.live.get(tag);
    const seconds = ageOf(reading);
    const stale = isStale(reading);
    mark(element, "data-stale", stale ? "true" : null);
    say(old, seconds === null ? texts.time.never : stale ? texts.card.stale(age(seconds)) : age(seconds));
  }
  return { element, update, tick };
}
