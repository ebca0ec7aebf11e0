// People who may sign in: admins add, change, deactivate, and set a new password. Nobody is deleted.

import { get, patch, path, post } from "../api.js";
import { button, h, table } from "../dom.js";
import { moment } from "../format.js";
import { ask, filled, toast } from "../forms.js";
import { texts } from "../texts.js";

export function usersView(_, signal) {
  const { person: text } = texts;
  const place = h("div", null, h("p", { role: "status" }, texts.loading));
  const roles = Object.entries(texts.role);

  async function load() {
    try {
      const users = await get("/api/users");
      if (signal.aborted) return;
      place.replaceChildren(table(texts.ways.users, text.heads, users.map((user) => [
        user.employee_number, user.full_name, texts.role[user.role] ?? user.role,
        user.active ? (user.must_change_password ? text.mustChangeShort : text.active) : text.inactive,
        moment(user.last_login),
        h("span", { class: "row-acts" },
          button(texts.action.edit, () => edit(user), { "aria-label": text.editOf(user) }),
          button(text.reset, () => reset(user), { "aria-label": text.resetOf(user) })),
      ])));
    } catch (problem) {
      place.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  }
  const then = async (words) => {
    toast(words);
    await load();
  };

  function add() {
    ask({
      title: text.add, action: text.add,
      fields: [
        { name: "employee_number", label: text.number, maxlength: 64, autocapitalize: "none" },
        { name: "full_name", label: text.name, maxlength: 120 },
        { name: "role", label: text.role, type: "select", value: "technician", options: roles },
        { name: "email", label: text.email, type: "email", optional: true },
        { name: "password", label: text.first, type: "password", autocomplete: "new-password", hint: text.firstHint, isWide: true },
      ],
      submit: async (values) => {
        await post("/api/users", filled(values));
        await then(text.added(values.full_name));
      },
    });
  }

  function edit(user) {
    ask({
      title: text.editOf(user), action: texts.action.save,
      fields: [
        { name: "full_name", label: text.name, value: user.full_name, maxlength: 120 },
        { name: "email", label: text.email, type: "email", value: user.email, optional: true },
        { name: "role", label: text.role, type: "select", value: user.role, options: roles },
        { name: "active", label: text.mayEnter, type: "checkbox", value: user.active },
      ],
      submit: async (values) => {
        const changes = Object.fromEntries(Object.entries(values).filter(([key, value]) => value !== user[key]));
        await patch(path`/api/users/${user.employee_number}`, changes);
        await then(text.changed(values.full_name));
      },
    });
  }

  function reset(user) {
    ask({
      title: text.resetOf(user), text: text.resetWords, action: text.reset, isDanger: true,
      fields: [{ name: "password", label: text.first, type: "password", autocomplete: "new-password", hint: text.firstHint, isWide: true }],
      submit: async (values) => {
        await post(path`/api/users/${user.employee_number}/reset-password`, values);
        await then(text.wasReset(user));
      },
    });
  }

  load();
  return h("section", null, h("h1", null, texts.ways.users), place,
    h("div", { class: "actions" }, button(text.add, add, { class: "primary" })));
}
