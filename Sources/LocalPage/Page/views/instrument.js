// One instrument: what it shows now, and everything about it under tabs.

import { get, path, post, remove } from "../api.js";
import { button, h, mark, say } from "../dom.js";
import { age, digitsFor, number } from "../format.js";
import { ask, attempt, filled, note, toast } from "../forms.js";
import { refreshSoon } from "../live.js";
import { link, render } from "../router.js";
import { alertChip, indicator } from "../shapes.js";
import { ageOf, alertsOf, isAdmin, isStale, on, state } from "../store.js";
import { texts } from "../texts.js";
import { alertList } from "./alerts.js";
import { calibrationTab } from "./calibration.js";
import { modelsTab } from "./models.js";
import { registerTab } from "./register.js";
import { statusTab } from "./status.js";
import { trendPanel } from "./trend.js";

const tabs = {
  trend: (instrument, signal) => trendPanel(instrument, signal).element,
  status: statusTab,
  alerts: (instrument, signal) => alertList(signal, { tag: instrument.tag_number }),
  models: modelsTab,
  calibration: calibrationTab,
  register: registerTab,
};

export function instrumentView({ tag, tab }, signal) {
  const element = h("section", { class: "instrument" });
  const known = state.instruments.get(tag);
  if (known) show(known);
  else {
    element.append(h("p", { role: "status" }, texts.loading));
    get(path`/api/instruments/${tag}`).then(show, (problem) => element.replaceChildren(
      h("p", { role: "alert" }, problem.message), h("a", { href: "#/" }, texts.ways.plant)));
  }
  return element;

  function show(instrument) {
    if (signal.aborted) return;
    const names = Object.keys(tabs).filter((name) => name !== "register" || isAdmin());
    element.replaceChildren(
      head(instrument, signal),
      h("nav", { class: "tabs", "aria-label": texts.tab.title(tag) }, names.map((name) =>
        h("a", { href: link("instrument", tag, name), "aria-current": name === tab ? "page" : null }, texts.tab[name]))),
      h("div", { class: "tab" }, (tabs[tab] ?? tabs.trend)(instrument, signal)));
    requestAnimationFrame(() => element.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));
  }
}

function head(instrument, signal) {
  const tag = instrument.tag_number;
  const digits = digitsFor(instrument.range_min, instrument.range_max);
  const value = h("b", { class: "value number" });
  const more = h("span", { class: "number quiet" });
  const quality = h("span", { class: "quality" });
  const scale = indicator(instrument);
  const chips = h("p", { class: "chips" });
  const element = h("header", { class: "head" },
    h("div", { class: "name" }, h("a", { class: "back", href: "#/", "aria-label": texts.back }, "‹"),
      h("h1", null, tag), h("p", { class: "quiet" }, [instrument.measured_variable, instrument.process_unit, instrument.location].filter(Boolean).join(" · ")),
      instrument.retired && h("p", null, texts.register.retired),
      instrument.fault && h("p", { class: "failure" }, instrument.fault)),
    h("div", { class: "now" }, h("p", null, value, " ", h("span", { class: "unit" }, instrument.unit), " ", more),
      scale.element, h("p", null, quality), chips),
    h("div", { class: "acts" },
      button(texts.maintenance.start, () => startMaintenance(tag)),
      button(texts.outOfService.take, () => takeOut(tag))));
  const show = () => {
    const reading = state.live.get(tag);
    const alerts = alertsOf(tag);
    const active = alerts.find((alert) => alert.active && alert.alert_type === "rule_violation");
    const stale = isStale(reading);
    say(value, number(reading?.value, digits));
    say(more, [reading?.milliamps === null || reading?.milliamps === undefined ? null : `${number(reading.milliamps, 3)} mA`,
      stale ? texts.card.stale(age(ageOf(reading))) : age(ageOf(reading))].filter(Boolean).join(" · "));
    say(quality, texts.qualityWords(reading?.quality, reading?.reason));
    mark(quality, "data-quality", reading?.quality);
    mark(element, "data-quality", reading?.quality ?? "bad");
    mark(element, "data-stale", stale ? "true" : null);
    scale.set(reading?.quality === "bad" ? null : reading?.value, active?.severity);
    const is = alerts.map((alert) => alert.id + alert.state + alert.active).join();
    if (chips.dataset.is !== is) {
      chips.dataset.is = is;
      chips.replaceChildren(...alerts.map(alertChip));
    }
  };
  on("readings alerts tick", show, signal);
  show();
  return element;
}

function startMaintenance(tag) {
  ask({
    title: texts.maintenance.title(tag), text: texts.maintenance.words,
    fields: [{ name: "minutes", label: texts.maintenance.minutes, type: "number", min: 1, max: 1440, value: 60 }, note()],
    action: texts.maintenance.start,
    submit: async (values) => {
      await post(path`/api/instruments/${tag}/maintenance`, filled(values));
      done(texts.maintenance.started(tag));
    },
  });
}

function takeOut(tag) {
  ask({
    title: texts.outOfService.title(tag), text: texts.outOfService.words, isDanger: true,
    fields: [note(true)], action: texts.outOfService.take,
    submit: async (values) => {
      await post(path`/api/instruments/${tag}/out-of-service`, filled(values));
      done(texts.outOfService.taken(tag));
    },
  });
}

/** Ends what put the instrument aside. */
export function bringBack(tag, what) {
  return attempt(async () => {
    await remove(`${path`/api/instruments/${tag}`}/${what}`);
    done(texts[what === "maintenance" ? "maintenance" : "outOfService"].ended(tag));
  });
}

function done(text) {
  toast(text);
  refreshSoon();
  render();
}
