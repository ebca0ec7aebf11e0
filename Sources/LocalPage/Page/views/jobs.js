// Work in the background, and the export of readings, which is such work.

import { get, post } from "../api.js";
import { h, table } from "../dom.js";
import { fieldTime, moment, timeOfField } from "../format.js";
import { form, toast } from "../forms.js";
import { progress } from "../shapes.js";
import { on, state } from "../store.js";
import { texts } from "../texts.js";

export function jobsView(_, signal) {
  const { job: text } = texts;
  const place = h("div");
  const show = () => {
    const jobs = [...state.jobs.values()].sort((a, b) => b.started_at.localeCompare(a.started_at));
    place.replaceChildren(jobs.length ? table(texts.ways.jobs, text.heads, jobs.map((job) => [
      text.kind[job.kind] ?? job.kind, job.subject ?? "", job.by ?? "", moment(job.started_at),
      job.state === "running" ? progress(job.progress, text.progress(job)) : text.state[job.state] ?? job.state,
      job.kind === "export" && job.state === "done"
        ? h("a", { href: `/api/exports/${encodeURIComponent(job.id)}`, download: "" }, texts.trend.csv) : job.message ?? "",
    ])) : h("p", { class: "empty" }, text.none));
  };
  const load = async () => {
    const jobs = await get("/api/jobs");
    state.jobs = new Map(jobs.map((job) => [String(job.id), job]));
    show();
  };
  on("jobs", show, signal);
  show();
  load().catch(() => {});
  const now = Date.now();
  return h("section", null, h("h1", null, texts.ways.jobs), place,
    h("section", { class: "panel" }, h("h2", null, text.export), h("p", { class: "words quiet" }, text.exportWords), form({
      fields: [
        { name: "tags", label: text.tags, hint: text.tagsHint, optional: true, isWide: true },
        { name: "from", label: texts.trend.from, type: "datetime-local", value: fieldTime(now - 86_400_000) },
        { name: "to", label: texts.trend.to, type: "datetime-local", value: fieldTime(now) },
      ],
      action: text.startExport,
      submit: async ({ tags, from, to }) => {
        await post("/api/exports", {
          tag_numbers: tags ? tags.split(/[\s,;]+/).filter(Boolean) : null,
          from: new Date(timeOfField(from)).toISOString(), to: new Date(timeOfField(to)).toISOString(),
        });
        toast(text.started);
        await load();
      },
    })));
}
