// The simulated plant of the demo: what runs, and which faults to bring about.

import { get, post } from "../api.js";
import { button, h, table } from "../dom.js";
import { attempt, form } from "../forms.js";
import { texts } from "../texts.js";

export function simulatorView(_, signal) {
  const { simulator: text } = texts;
  const place = h("div", null, h("p", { role: "status" }, texts.loading));
  async function load() {
    try {
      const status = await get("/api/simulator/status");
      if (signal.aborted) return;
      place.replaceChildren(
        h("p", { class: "words" }, status.running ? text.running : text.stopped),
        status.active?.length ? table(text.active, text.heads, status.active.map((fault) =>
          [fault.tag_number, fault.fault])) : h("p", { class: "empty" }, text.quiet),
        h("section", { class: "panel" }, form({
          fields: [
            { name: "tags", label: text.tags, optional: true, hint: text.tagsHint, suggestions: status.tags ?? [], isWide: true },
            status.faults?.length && { name: "fault", label: text.fault, type: "select", options: [["", text.none], ...status.faults.map((name) => [name, name])], optional: true },
          ],
          action: text.start,
          submit: async ({ tags, fault }) => {
            await post("/api/simulator/start", {
              ...(tags && { tags: tags.split(/[\s,;]+/).filter(Boolean) }), ...(fault && { faults: [fault] }),
            });
            await load();
          },
        })),
        h("div", { class: "actions" }, button(text.stop, () => attempt(async () => {
          await post("/api/simulator/stop");
          await load();
        }))));
    } catch (problem) {
      place.replaceChildren(h("p", { role: "alert" }, problem.status === 404 ? text.notHere : problem.message));
    }
  }
  load();
  return h("section", null, h("h1", null, texts.ways.simulator), place);
}
