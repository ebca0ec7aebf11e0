// The alarm relay: what it is told and why, and what can be done.

import { get, post } from "../api.js";
import { button, facts, h } from "../dom.js";
import { moment } from "../format.js";
import { ask, attempt, toast } from "../forms.js";
import { link } from "../router.js";
import { isAdmin, on, state } from "../store.js";
import { texts } from "../texts.js";

export function relayView(_, signal) {
  const place = h("div");
  const show = () => { if (state.relay) place.replaceChildren(...content(state.relay)); };
  const load = async () => {
    try {
      state.relay = await get("/api/relay");
      show();
    } catch (problem) {
      place.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  };
  const does = (path, json, words) => async () => {
    await post(path, json);
    toast(words);
    await load();
  };
  on("relay", show, signal);
  show();
  load();
  return h("section", { class: "relay-view" }, h("h1", null, texts.ways.relay),
    h("div", { class: "panel" }, place,
      h("div", { class: "actions" },
        button(texts.relay.silence, () => attempt(does("/api/relay/silence", undefined, texts.relay.silenced))),
        button(texts.relay.reset, () => ask({
          title: texts.relay.reset, text: texts.relay.resetWords, action: texts.relay.reset,
          submit: does("/api/relay/reset", undefined, texts.relay.didReset),
        })),
        isAdmin() && button(texts.relay.test, () => ask({
          title: texts.relay.test, text: texts.relay.testWords, isDanger: true, action: texts.relay.test,
          fields: [{ name: "seconds", label: texts.relay.seconds, type: "number", min: 1, max: 60, value: 10 }],
          submit: async (values) => does("/api/relay/test", values, texts.relay.testing)(),
        })))),
    h("p", { class: "words quiet" }, texts.relay.words));
}

function content(relay) {
  const isSafe = relay.demand !== "energised";
  const first = state.alerts.get(relay.first_out);
  return [
    h("p", { class: "demand", "data-safe": isSafe ? "true" : null }, texts.relayState[relay.demand] ?? relay.demand),
    h("ul", { class: "diagnosis" }, relay.reasons.map((reason) => h("li", null, reason))),
    facts([
      [texts.relay.horn, relay.horn ? texts.relay.sounding : texts.relay.silent],
      [texts.relay.firstOut, first ? h("a", { href: link("instrument", first.tag_number, "alerts") }, `${first.tag_number}: ${texts.alertTitle(first)}`) : relay.first_out],
      [texts.relay.output, typeof relay.output === "object" ? JSON.stringify(relay.output) : relay.output],
      [texts.relay.testUntil, relay.test_until && moment(relay.test_until)],
    ]),
  ];
}
