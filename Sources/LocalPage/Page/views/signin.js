// The door: signing in, the first administrator, and changing one's password.

import { post, setUp, signIn } from "../api.js";
import { h } from "../dom.js";
import { filled, form } from "../forms.js";
import { state } from "../store.js";
import { texts } from "../texts.js";

function door(title, words, content) {
  document.body.replaceChildren(h("main", { class: "door" },
    h("h1", null, state.gateway || texts.product), h("h2", null, title),
    words && h("p", { class: "words", role: "status" }, words), content));
  document.querySelector("main input")?.focus();
}

/** Asks for employee number and password; `enter` gets the user. */
export function showSignIn(enter, words) {
  const { signIn: text } = texts;
  door(text.title, words, form({
    fields: [
      { name: "username", label: text.number, autocomplete: "username", autocapitalize: "none", maxlength: 64, isWide: true },
      { name: "password", label: text.password, type: "password", autocomplete: "current-password", isWide: true },
    ],
    action: text.action,
    submit: async ({ username, password }) => {
      try {
        await enter((await signIn(username, password)).user);
      } catch (problem) {
        if (problem.status === 429) problem.message = text.slower(problem.retryAfter ?? 1);
        throw problem;
      }
    },
  }));
}

/** Makes the first administrator, with the code that the gateway printed at its start. */
export function showSetUp(enter) {
  const { setUp: text, person } = texts;
  door(text.title, text.words, form({
    fields: [
      { name: "code", label: text.code, hint: text.codeHint, autocomplete: "one-time-code", autocapitalize: "none" },
      { name: "employee_number", label: person.number, autocomplete: "username", maxlength: 64 },
      { name: "full_name", label: person.name, autocomplete: "name", maxlength: 120 },
      { name: "email", label: person.email, type: "email", optional: true, autocomplete: "email" },
      { name: "password", label: person.password, type: "password", autocomplete: "new-password", hint: person.passwordHint },
      { name: "repeated", label: person.repeated, type: "password", autocomplete: "new-password" },
    ],
    action: text.action,
    submit: async ({ repeated, ...values }) => {
      sameTwice(values.password, repeated, "repeated");
      await enter((await setUp(filled(values))).user);
    },
  }));
}

/** The form that changes the password of the person who is signed in. */
export function passwordForm(done, cancel) {
  const { person } = texts;
  return form({
    fields: [
      { name: "current_password", label: person.current, type: "password", autocomplete: "current-password", isWide: true },
      { name: "new_password", label: person.next, type: "password", autocomplete: "new-password", hint: person.passwordHint, isWide: true },
      { name: "repeated", label: person.repeated, type: "password", autocomplete: "new-password", isWide: true },
    ],
    action: person.changePassword,
    cancel,
    submit: async ({ repeated, ...values }) => {
      sameTwice(values.new_password, repeated, "repeated");
      await post("/api/auth/password", values);
      await done();
    },
  });
}

function sameTwice(password, repeated, field) {
  if (password !== repeated) {
    throw Object.assign(new Error(texts.form.seeFields), { fields: [{ field, detail: texts.person.notTheSame }] });
  }
}
