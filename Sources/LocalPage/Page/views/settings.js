// The settings in force, secrets masked; those that can be changed here have a field.

import { get, patch } from "../api.js";
import { facts, h } from "../dom.js";
import { form, toast } from "../forms.js";
import { texts } from "../texts.js";

/** What a setting that can be changed may be; others are free text. */
const choices = { log_level: ["debug", "info", "warning", "error"] };

export function settingsView(_, signal) {
  const place = h("div", { class: "models" }, h("p", { role: "status" }, texts.loading));
  async function load() {
    try {
      const settings = await get("/api/settings");
      if (!signal.aborted) show(settings);
    } catch (problem) {
      place.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  }

  function show(settings) {
    const changeable = settings.filter((setting) => setting.changeable);
    const sections = new Map();
    for (const setting of settings.filter((each) => !each.changeable)) {
      const name = setting.key.split(".")[0];
      sections.set(name, [...(sections.get(name) ?? []), setting]);
    }
    place.replaceChildren(
      h("section", { class: "panel" }, h("h2", null, texts.settings.changeable), form({
        fields: changeable.map(({ key, value }) => ({
          name: key, label: words(key), value, type: choices[key] ? "select" : "text",
          options: choices[key]?.map((each) => [each, each]),
        })),
        action: texts.action.save,
        submit: async (values) => {
          show(await patch("/api/settings", values));
          toast(texts.settings.saved);
        },
      })),
      h("div", { class: "panels" }, [...sections].map(([name, entries]) => h("section", { class: "panel" },
        h("h2", null, words(name)),
        facts(entries.map(({ key, value }) => [words(key.split(".").slice(1).join(".") || key), value]))))));
  }
  load();
  return h("section", null, h("h1", null, texts.ways.settings), h("p", { class: "words quiet" }, texts.settings.words), place);
}

function words(key) { return key.replaceAll("_", " ").replaceAll(".", " › "); }
