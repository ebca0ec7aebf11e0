// The audit log: every change by whom, when, and from what to what; with a check of its chain.

import { get, query } from "../api.js";
import { button, h, say, table } from "../dom.js";
import { moment } from "../format.js";
import { attempt } from "../forms.js";
import { texts } from "../texts.js";

export function auditView() {
  const { audit: text } = texts;
  const place = h("div");
  const words = h("p", { class: "words", role: "status" });
  const more = button(texts.more, () => load());
  const who = h("input", { type: "search", placeholder: text.who, "aria-label": text.who });
  const action = h("input", { type: "search", placeholder: text.action, "aria-label": text.action });
  let entries = [];
  let after = null;

  async function load() {
    try {
      const { items, next } = await get(query("/api/audit", { after, limit: 100, who: who.value.trim(), action: action.value.trim() }));
      entries = entries.concat(items);
      after = next;
      more.hidden = !next;
      place.replaceChildren(entries.length ? table(texts.ways.audit, text.heads, entries.map((entry) => [
        String(entry.sequence), moment(entry.at), entry.who, entry.action, entry.subject, values(entry.old), values(entry.new),
        h("code", { title: entry.hash }, String(entry.hash ?? "").slice(0, 8)),
      ])) : h("p", { class: "empty" }, text.none));
    } catch (problem) {
      say(words, problem.message);
    }
  }

  function again() {
    entries = [];
    after = null;
    return load();
  }

  async function verify() {
    const { valid, entries: count, head, first_bad } = await get("/api/audit/verify");
    say(words, valid ? text.valid(count, head) : text.broken(first_bad));
    words.dataset.bad = valid ? "" : "true";
  }

  load();
  return h("section", { class: "audit" }, h("h1", null, texts.ways.audit),
    h("form", { class: "filters", role: "search", on: { submit: (event) => { event.preventDefault(); again(); } } },
      who, action, h("button", { type: "submit" }, texts.action.search),
      button(text.verify, () => attempt(verify))),
    words, place, more);
}

function values(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "object") return String(value);
  return Object.entries(value).map(([key, each]) => `${key}: ${typeof each === "object" ? JSON.stringify(each) : each}`).join("\n");
}
