// Alerts: what is open with what can be done about it, and what was.

import { get, path, post, query } from "../api.js";
import { button, facts, h, say } from "../dom.js";
import { length, moment, plain } from "../format.js";
import { ask, filled, note, toast } from "../forms.js";
import { refreshSoon } from "../live.js";
import { link } from "../router.js";
import { chip, symbol } from "../shapes.js";
import { isAside, on, openAlerts, state } from "../store.js";
import { texts } from "../texts.js";

const filter = { severity: "", type: "", area: "" };

export function alertsView(tab, signal) {
  return h("section", { class: "alerts" },
    h("h1", null, texts.ways.alerts),
    h("nav", { class: "tabs", "aria-label": texts.ways.alerts },
      h("a", { href: link("alerts"), "aria-current": tab === "open" ? "page" : null }, texts.alert.open),
      h("a", { href: link("alerts", "history"), "aria-current": tab === "history" ? "page" : null }, texts.alert.history)),
    tab === "history" ? historyList({}) : alertList(signal, {}));
}

/** The open alerts, of one tag or of all, as long as they are shown; the history below for one tag. */
export function alertList(signal, { tag }) {
  const rows = new Map();
  const list = h("ul", { class: "alert-list" });
  const none = h("p", { class: "empty", role: "status" });
  const areas = h("select", { "aria-label": texts.filter.label.area, on: { change: () => { filter.area = areas.value; show(); } } });
  const choose = (key, every, words) => {
    const select = h("select", { "aria-label": texts.filter.label[key], on: { change: () => { filter[key] = select.value; show(); } } },
      h("option", { value: "" }, every), Object.entries(words).map(([value, text]) => h("option", { value, selected: filter[key] === value }, text)));
    return select;
  };
  const element = h("div", null,
    !tag && h("div", { class: "filters" }, choose("severity", texts.filter.everySeverity, texts.severity),
      choose("type", texts.filter.everyKind, texts.alertType), areas),
    list, none,
    tag && h("section", null, h("h2", null, texts.alert.history), historyList({ tag })));

  function show() {
    const wanted = openAlerts().filter((alert) => (tag ? alert.tag_number === tag
      : (!filter.severity || alert.severity === filter.severity) && (!filter.type || alert.alert_type === filter.type)
        && (!filter.area || alert.process_unit === filter.area)));
    for (const id of rows.keys()) if (!state.alerts.has(id)) rows.delete(id);
    const shown = wanted.map((alert) => {
      const is = JSON.stringify(alert);
      const before = rows.get(alert.id);
      if (before?.is === is) return before.element;
      const element = row(alert, before?.element.querySelector("details")?.open);
      rows.set(alert.id, { is, element });
      return element;
    });
    if (shown.length !== list.children.length || shown.some((each, index) => list.children[index] !== each)) list.replaceChildren(...shown);
    say(none, shown.length ? "" : state.alerts.size && !tag ? texts.filter.nothing : texts.alert.none);
    if (!tag) {
      const names = [...new Set([...state.alerts.values()].map((alert) => alert.process_unit).filter(Boolean))].sort();
      areas.replaceChildren(h("option", { value: "" }, texts.filter.everyArea), ...names.map((name) => h("option", { value: name, selected: name === filter.area }, name)));
    }
  }
  on("alerts", show, signal);
  on("tick", () => list.querySelectorAll("[data-since]").forEach((each) => say(each, since(each.dataset.since))), signal);
  show();
  return element;
}

function since(time) { return texts.alert.since(length((Date.now() - Date.parse(time)) / 1000)); }

function row(alert, isOpen) {
  const isShelved = alert.alarm_state === "shelved";
  const isLatched = alert.alarm_state?.startsWith("latched");
  const subject = state.instruments.has(alert.tag_number)
    ? h("a", { href: link("instrument", alert.tag_number, "trend") }, alert.tag_number) : h("span", null, alert.tag_number);
  return h("li", { class: `alert ${alert.severity}${alert.active ? "" : " gone"}${isAside(alert) ? " aside" : ""}`, "data-alert": alert.id, "data-state": alert.state },
    symbol(alert.severity, alert.state === "raised"),
    h("div", { class: "about" },
      h("p", { class: "title" }, subject, " ", h("b", null, texts.alertTitle(alert)), h("span", { class: "quiet" }, alert.process_unit)),
      h("p", { class: "why" }, alert.explanation),
      h("p", { class: "facts-line quiet" },
        h("span", { "data-since": alert.raised_at, title: moment(alert.raised_at) }, since(alert.raised_at)),
        h("span", null, texts.alarmState[alert.alarm_state] ?? alert.alarm_state),
        !alert.active && h("span", null, texts.alert.gone),
        alert.occurrences > 1 && h("span", null, texts.alert.times(alert.occurrences)),
        alert.acknowledged_by && h("span", null, texts.alert.by(alert.acknowledged_by)),
        alert.shelved_until && h("span", null, texts.alert.shelvedUntil(moment(alert.shelved_until))),
        (alert.marks ?? []).map((mark) => chip(texts.alertMark[mark] ?? mark)))),
    h("div", { class: "acts" },
      alert.state === "raised" && button(texts.alert.acknowledge, () => act(alert, "acknowledge"), { class: "primary" }),
      !alert.active && button(texts.alert.resolve, () => act(alert, "resolve")),
      isLatched && button(texts.alert.reset, () => act(alert, "reset")),
      isShelved ? button(texts.alert.unshelve, () => act(alert, "unshelve")) : button(texts.alert.shelve, () => act(alert, "shelve"))),
    story(alert, isOpen));
}

function act(alert, action) {
  const isShelving = action === "shelve";
  ask({
    title: texts.alert.ask[action](alert), text: alert.explanation,
    fields: [
      isShelving && { name: "minutes", label: texts.alert.minutes, type: "number", min: 1, max: 1440, value: 60 },
      isShelving && { name: "one_shot", label: texts.alert.oneShot, type: "checkbox", value: true },
      note(isShelving),
    ],
    action: texts.alert[action],
    submit: async (values) => {
      await post(`${path`/api/alerts/${alert.id}`}/${action}`, filled(values));
      toast(texts.alert.did[action](alert));
      await refreshSoon();
    },
  });
}

function story(alert, isOpen) {
  const place = h("div", null, h("p", { role: "status" }, texts.loading));
  const details = h("details", { open: isOpen }, h("summary", null, texts.alert.story), place);
  const load = async () => {
    if (!details.open) return;
    try {
      const { transitions, ...whole } = await get(path`/api/alerts/${alert.id}`);
      place.replaceChildren(
        facts([[texts.alert.raised, moment(whole.raised_at)], [texts.alert.resolved, whole.resolved_at && moment(whole.resolved_at)],
          [texts.alert.value, whole.value === null || whole.value === undefined ? null : plain(Number(Number(whole.value).toPrecision(6)))],
          [texts.alert.id, whole.id]]),
        h("ol", { class: "story" }, transitions.map((step) => h("li", null,
          h("span", { class: "number quiet" }, moment(step.at)), " ",
          h("b", null, texts.alertState[step.state] ?? step.state), ` ${texts.alert.byWhom(step.by)} `,
          step.note && h("q", null, step.note), " ", h("span", { class: "quiet" }, step.explanation)))));
    } catch (problem) {
      place.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  };
  details.addEventListener("toggle", load);
  if (isOpen) load();
  return details;
}

function historyList({ tag }) {
  const list = h("ul", { class: "alert-list" });
  const state = h("p", { class: "empty", role: "status" }, texts.loading);
  const more = button(texts.more, () => load());
  more.hidden = true;
  let after = null;
  async function load() {
    try {
      const { items, next } = await get(query("/api/alerts/history", { tag_number: tag, after, limit: 50 }));
      list.append(...items.map(pastRow));
      after = next;
      more.hidden = !next;
      say(state, list.children.length ? "" : texts.alert.noHistory);
    } catch (problem) {
      say(state, problem.message);
    }
  }
  load();
  return h("div", null, list, state, more);
}

function pastRow(alert) {
  return h("li", { class: `alert past ${alert.severity}`, "data-alert": alert.id },
    symbol(alert.severity, false),
    h("div", { class: "about" },
      h("p", { class: "title" }, h("span", null, alert.tag_number), " ", h("b", null, texts.alertTitle(alert)), h("span", { class: "quiet" }, alert.process_unit)),
      h("p", { class: "why" }, alert.explanation),
      h("p", { class: "facts-line quiet" }, h("span", null, moment(alert.raised_at)),
        h("span", null, alert.resolved_at ? texts.alert.lasted(length((Date.parse(alert.resolved_at) - Date.parse(alert.raised_at)) / 1000))
          : texts.alertState[alert.state] ?? alert.state),
        alert.occurrences > 1 && h("span", null, texts.alert.times(alert.occurrences)),
        alert.acknowledged_by && h("span", null, texts.alert.by(alert.acknowledged_by)))),
    story(alert, false));
}
