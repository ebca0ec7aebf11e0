// How the instrument stands: its health with what was taken off, and every detector with its numbers.

import { get, path } from "../api.js";
import { button, facts, h } from "../dom.js";
import { day, moment, plain } from "../format.js";
import { scoreBar } from "../shapes.js";
import { on } from "../store.js";
import { texts } from "../texts.js";
import { bringBack } from "./instrument.js";

const refreshEvery = 5;

export function statusTab(instrument, signal) {
  const tag = instrument.tag_number;
  const element = h("div", { class: "panels" }, h("p", { role: "status" }, texts.loading));
  let beats = 0;
  async function load() {
    try {
      const status = await get(path`/api/instruments/${tag}/status`);
      if (!signal.aborted) element.replaceChildren(...panels(status, tag));
    } catch (problem) {
      element.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  }
  on("tick", () => { if (++beats % refreshEvery === 0 && !document.hidden) load(); }, signal);
  load();
  return element;
}

function panels(status, tag) {
  const score = scoreBar();
  score.set(status.health.score, status.health.label);
  return [
    panel(texts.status.health, score.element,
      h("ul", { class: "penalties" }, status.health.penalties.map((penalty) =>
        h("li", null, h("b", { class: "number" }, `−${penalty.points}`), " ", penalty.reason))),
      !status.health.penalties.length && h("p", { class: "quiet" }, texts.status.noPenalties),
      status.suppressed_until && h("p", null, texts.maintenance.until(moment(status.suppressed_until)), " ",
        button(texts.maintenance.end, () => bringBack(tag, "maintenance"))),
      status.out_of_service && h("p", null, texts.outOfService.is, " ",
        button(texts.outOfService.end, () => bringBack(tag, "out-of-service")))),
    ...["rule", "signal", "cusum", "stuck", "iforest"].filter((name) => status[name]).map((name) => {
      const { state: word, ...numbers } = status[name];
      return panel(texts.detector[name], h("p", null, h("b", null, texts.detectorState[word] ?? word ?? texts.none)),
        facts(Object.entries(numbers).flatMap(([key, value]) => (value && typeof value === "object" ? Object.entries(value) : [[key, value]])).map(([key, value]) => [texts.detectorKey[key] ?? key.replaceAll("_", " "), show(value)])));
    }),
    panel(texts.status.learned, facts([
      [texts.models.version, status.model ? `${status.model.version}` : texts.models.untrained],
      [texts.models.trained, status.model && `${moment(status.model.trained_at)}, ${status.model.trained_by}`],
      [texts.models.windows, status.model?.windows],
      [texts.models.baseline, status.baseline && texts.models.span(moment(status.baseline.from), moment(status.baseline.to))],
    ])),
    panel(texts.status.calibration, facts([
      [texts.calibration.status, texts.calibrationState[status.calibration.status] ?? status.calibration.status],
      [texts.calibration.due, status.calibration.due && day(status.calibration.due)],
    ])),
  ];
}

function panel(title, ...content) {
  return h("section", { class: "panel" }, h("h2", null, title), content);
}

function show(value) {
  if (value === null || value === undefined) return texts.none;
  if (typeof value === "boolean") return value ? texts.yes : texts.no;
  if (typeof value === "number") return plain(Number(value.toPrecision(5)));
  if (Array.isArray(value)) return value.map(show).join(", ");
  if (typeof value === "object") return Object.entries(value).map(([key, each]) => `${key.replaceAll("_", " ")} ${show(each)}`).join(", ");
  return /^\d{4}-\d\d-\d\dT/.test(value) ? moment(value) : texts.reason[value] ?? value;
}
