// The effective settings, secrets masked; those that can be changed here have a field.

import { get, patch } from "../api.js";
import { h } from "../dom.js";
import { form, toast } from "../forms.js";
import { texts } from "../texts.js";

export function settingsView(_, signal) {
  const place = h("div", null, h("p", { role: "status" }, texts.loading));
  async function load() {
    try {
      const answer = await get("/api/settings");
      if (signal.aborted) return;
      const { settings = answer, changeable = [] } = answer;
      place.replaceChildren(...[
        changeable.length && h("section", { class: "panel" }, h("h2", null, texts.settings.changeable), changing(settings, changeable)),
        h("div", { class: "panels" }, Object.entries(settings).map(([name, value]) =>
          h("section", { class: "panel" }, h("h2", null, words(name)), tree(value)))),
      ].filter(Boolean));
    } catch (problem) {
      place.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  }

  function changing(settings, changeable) {
    const keys = changeable.map((one) => (typeof one === "string" ? one : one.key));
    const before = Object.fromEntries(keys.map((key) => [key, key.split(".").reduce((value, part) => value?.[part], settings)]));
    return form({
      fields: keys.map((key) => ({
        name: key, label: words(key), value: before[key], optional: true,
        type: typeof before[key] === "boolean" ? "checkbox" : typeof before[key] === "number" ? "number" : "text",
      })),
      action: texts.action.save,
      submit: async (values) => {
        const changes = {};
        for (const key of keys) if (values[key] !== before[key]) put(changes, key.split("."), values[key]);
        await patch("/api/settings", changes);
        toast(texts.settings.saved);
        await load();
      },
    });
  }
  load();
  return h("section", null, h("h1", null, texts.ways.settings), h("p", { class: "words quiet" }, texts.settings.words), place);
}

function put(object, [first, ...rest], value) {
  if (rest.length) put(object[first] ??= {}, rest, value);
  else object[first] = value;
}

function words(name) { return name.replaceAll("_", " ").replaceAll(".", " › "); }

function tree(value) {
  if (value === null || value === undefined) return texts.none;
  if (typeof value === "boolean") return value ? texts.yes : texts.no;
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) {
    return value.every((each) => typeof each !== "object") ? value.join(", ")
      : h("ul", { class: "tree" }, value.map((each) => h("li", null, tree(each))));
  }
  return h("dl", { class: "facts" }, Object.entries(value).map(([key, each]) =>
    h("div", null, h("dt", null, words(key)), h("dd", null, tree(each)))));
}
