// What the instrument has learned: mark a clean span, train on it, compare the versions, go back to one.

import { get, path, post } from "../api.js";
import { button, facts, h, say } from "../dom.js";
import { fieldTime, moment, number, plain, timeOfField } from "../format.js";
import { ask, form, toast } from "../forms.js";
import { progress } from "../shapes.js";
import { isAdmin, on, state } from "../store.js";
import { texts } from "../texts.js";
import { trendPanel } from "./trend.js";

/** How often a job is asked after that was begun here. */
const followEvery = 2000;

export function modelsTab(instrument, signal) {
  const tag = instrument.tag_number;
  const versions = h("div", { class: "versions" }, h("p", { role: "status" }, texts.loading));
  const work = h("div", { class: "work", "aria-live": "polite" });
  const element = h("div", { class: "models" },
    isAdmin() ? markPanel() : h("p", { class: "words" }, texts.models.forAdmins),
    h("section", { class: "panel" }, h("h2", null, texts.models.versions), work, versions));

  function markPanel() {
    const trend = trendPanel(instrument, signal, { onSpan: show });
    const marking = form({
      fields: [
        { name: "from", label: texts.models.from, type: "datetime-local" },
        { name: "to", label: texts.models.to, type: "datetime-local" },
        { name: "note", label: texts.form.note, optional: true, maxlength: 400 },
      ],
      action: texts.models.mark,
      submit: async ({ from, to, note }) => {
        const span = { from: new Date(timeOfField(from)).toISOString(), to: new Date(timeOfField(to)).toISOString() };
        await post(path`/api/ml/baselines/${tag}`, note ? { ...span, note } : span);
        toast(texts.models.marked(tag));
        await loadBaselines();
      },
    });
    const { elements } = marking;
    for (const name of ["from", "to"]) {
      elements[name].addEventListener("change", () => {
        const span = { from: timeOfField(elements.from.value), to: timeOfField(elements.to.value) };
        if (span.from < span.to) trend.setSpan(span);
      });
    }
    function show(span) {
      elements.from.value = fieldTime(span.from);
      elements.to.value = fieldTime(span.to);
    }
    const baselines = h("p", { class: "quiet" });
    async function loadBaselines() {
      const [latest] = await get(path`/api/ml/baselines/${tag}`);
      say(baselines, latest ? texts.models.latest(moment(latest.from), moment(latest.to), latest.marked_by) : texts.models.noBaseline);
      if (!latest) return;
      const span = { from: Date.parse(latest.from), to: Date.parse(latest.to) };
      trend.setSpan(span);
      show(span);
    }
    loadBaselines().catch((problem) => say(baselines, problem.message));
    return h("section", { class: "panel" }, h("h2", null, texts.models.baseline),
      h("p", { class: "words" }, texts.models.how), trend.element, marking, baselines,
      h("div", { class: "actions" }, button(texts.models.train, train, { class: "primary" })));
  }

  function train() {
    ask({
      title: texts.models.trainTitle(tag), text: texts.models.trainWords,
      fields: [
        { name: "allow_bad_quality", label: texts.models.allowBad, type: "checkbox" },
        { name: "allow_alerts", label: texts.models.allowAlerts, type: "checkbox" },
      ],
      action: texts.models.train,
      submit: async (values) => {
        const chosen = Object.fromEntries(Object.entries(values).filter(([, value]) => value));
        const { job } = await post(path`/api/ml/train/${tag}`, chosen);
        toast(texts.models.training(tag));
        follow(String(job));
      },
    });
  }

  async function follow(id) {
    try {
      const job = await get(path`/api/jobs/${id}`);
      state.jobs.set(id, job);
      showWork();
      if (job.state !== "running") await loadVersions();
      else if (!signal.aborted) setTimeout(() => follow(id), followEvery);
    } catch { /* The stream of events tells, too. */ }
  }

  function showWork() {
    const running = [...state.jobs.values()].filter((job) => job.subject === tag && job.state === "running");
    work.replaceChildren(...running.map((job) => h("p", { class: "job" },
      `${texts.job.kind[job.kind] ?? job.kind}: ${job.message ?? ""} `, progress(job.progress, texts.job.progress(job)))));
  }

  async function loadVersions() {
    try {
      const models = await get(path`/api/ml/models/${tag}`);
      if (signal.aborted) return;
      versions.replaceChildren(...models.map((model) => version(model, models.find((one) => one.active))));
      if (!models.length) versions.append(h("p", { class: "words" }, texts.models.untrained));
    } catch (problem) {
      versions.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  }

  function version(model, active) {
    const changed = (key) => (active && active !== model && active[key] !== model[key] ? texts.models.instead(plainly(active[key])) : "");
    return h("article", { class: "version", "data-version": model.version },
      h("header", null, h("h3", null, texts.models.named(model.version)),
        model.active ? h("span", { class: "chip strong" }, texts.models.active)
          : isAdmin() && button(texts.models.activate, () => activate(model.version))),
      facts([
        [texts.models.trained, `${moment(model.trained_at)}, ${model.trained_by}`],
        [texts.models.baseline, model.from && texts.models.span(moment(model.from), moment(model.to))],
        [texts.models.windows, `${number(model.windows)}${changed("windows")}`],
        [texts.models.wantedRate, model.wanted_rate === null || model.wanted_rate === undefined ? null : `${plain(model.wanted_rate)}${changed("wanted_rate")}`],
        [texts.models.contamination, model.contamination],
        [texts.models.features, model.feature_version], [texts.models.checksum, model.checksum],
      ]),
      model.report && h("p", { class: "words" }, plainly(model.report)));
  }

  function activate(number) {
    ask({
      title: texts.models.activateTitle(tag, number), text: texts.models.activateWords, action: texts.models.activate,
      submit: async () => {
        const answer = await post(path`/api/ml/models/${tag}/activate/${number}`);
        toast(texts.models.activating(tag, number));
        if (answer?.job) follow(String(answer.job));
        else await loadVersions();
      },
    });
  }

  on("jobs", ({ job }) => {
    if (job.subject !== tag) return;
    showWork();
    if (job.state !== "running") loadVersions();
  }, signal);
  showWork();
  loadVersions();
  return element;
}

function plainly(value) {
  if (value === null || value === undefined) return texts.none;
  if (typeof value === "object") return Object.entries(value).map(([key, each]) => `${key.replaceAll("_", " ")}: ${plainly(each)}`).join(" · ");
  return typeof value === "number" ? plain(Number(value.toPrecision(6))) : String(value);
}
