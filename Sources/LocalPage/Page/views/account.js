// One's own things: password, look, time zone; and on a phone, the ways that do not fit its bar.

import { button, facts, h } from "../dom.js";
import { isUTC, setUTC } from "../format.js";
import { toast } from "../forms.js";
import { render } from "../router.js";
import { state } from "../store.js";
import { texts } from "../texts.js";
import { chooseTheme, chosenTheme } from "../theme.js";
import { passwordForm } from "./signin.js";
import { ways } from "./shell.js";

export function accountView() {
  const { account: text, person } = texts;
  const { user, summary } = state;
  const choice = (label, options, chosen, choose) => h("label", { class: "field" }, label,
    h("select", { on: { change: (event) => choose(event.target.value) } },
      Object.entries(options).map(([value, words]) => h("option", { value, selected: value === chosen }, words))));
  return h("section", null, h("h1", null, texts.ways.account),
    h("div", { class: "panels" },
      h("section", { class: "panel" }, h("h2", null, user.full_name),
        facts([[person.number, user.employee_number], [person.role, texts.role[user.role]], [person.email, user.email],
          [text.version, summary?.version]])),
      h("section", { class: "panel" }, h("h2", null, text.look),
        choice(text.theme, text.themes, chosenTheme(), chooseTheme),
        choice(text.zone, text.zones, isUTC() ? "utc" : "local", (value) => { setUTC(value === "utc"); render(); })),
      h("section", { class: "panel" }, h("h2", null, person.changePassword),
        passwordForm(() => { toast(person.changedPassword); render(); }))));
}

export function moreView() {
  return h("section", null, h("h1", null, texts.ways.more),
    h("ul", { class: "ways" }, ways().filter((way) => !way.isFirst).map(({ to, text }) =>
      h("li", null, h("a", { href: `#/${to}` }, text)))),
    button(texts.signOut, () => document.querySelector("header.top .out").click()));
}
