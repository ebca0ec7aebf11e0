// Forms and dialogs. What the gateway refuses is said at the field it is about.

import { button, h, mark, say } from "./dom.js";
import { texts } from "./texts.js";

let count = 0;

/**
 * A form. Each field has a `name` and a `label`, and may have a `type` (text, number, select, checkbox,
 * textarea, password, datetime-local …), `value`, `options` ([value, label] pairs), `hint`, `suggestions`
 * and whatever else its element takes. `submit` gets the values by name: empty numbers and empty optional
 * texts are null. What it throws is shown.
 */
export function form({ fields, action, submit, cancel, isDanger }) {
  const made = fields.filter(Boolean).map(field);
  const failure = h("p", { class: "failure", role: "alert" });
  const send = h("button", { type: "submit", class: isDanger ? "danger" : "primary" }, action);
  const element = h("form", { class: "form", novalidate: true },
    h("div", { class: "fields" }, made.map((one) => one.element)),
    failure,
    h("div", { class: "actions" }, cancel && button(texts.action.cancel, cancel), send));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.getAttribute("aria-disabled")) return;
    made.forEach((one) => one.fault(""));
    say(failure, "");
    const missing = made.filter((one) => one.isMissing());
    missing.forEach((one) => one.fault(texts.form.required));
    if (missing.length) return missing[0].focus();
    mark(send, "aria-disabled", "true");
    try {
      await submit(Object.fromEntries(made.map((one) => [one.name, one.value()])));
    } catch (problem) {
      show(problem);
    } finally {
      mark(send, "aria-disabled", null);
    }
  });

  function show(problem) {
    const others = [];
    let first = null;
    for (const { field: name, detail } of problem.fields ?? []) {
      const one = made.find((each) => each.name === name);
      if (!one) others.push(`${name}: ${detail}`);
      else { one.fault(detail); first ??= one; }
    }
    say(failure, first && !others.length ? texts.form.seeFields : [problem.message, ...others].join(" · "));
    first?.focus();
  }
  return element;
}

function field({ name, label, type = "text", value, options, hint, suggestions, isWide, optional, ...rest }) {
  const id = `field-${++count}`;
  const fault = h("p", { class: "fault", id: `${id}-fault` });
  const attributes = {
    id, name, "aria-describedby": `${id}-fault${hint ? ` ${id}-hint` : ""}`,
    required: !optional && type !== "checkbox", ...rest,
  };
  let input;
  if (type === "select") {
    input = h("select", attributes, options.map(([key, text]) =>
      h("option", { value: key, selected: String(key) === String(value ?? "") }, text)));
  } else if (type === "textarea") {
    input = h("textarea", { rows: 3, ...attributes }, value ?? "");
  } else {
    input = h("input", {
      type, step: type === "number" ? "any" : type === "datetime-local" ? 1 : null,
      list: suggestions ? `${id}-list` : null, ...attributes,
    });
    if (type === "checkbox") input.checked = Boolean(value);
    else input.value = value ?? "";
  }
  const caption = h("label", { for: id }, label, optional ? h("span", { class: "quiet" }, ` ${texts.form.optional}`) : null);
  const parts = type === "checkbox" ? [h("div", { class: "check" }, input, caption)] : [caption, input];
  return {
    name,
    element: h("div", { class: `field${isWide || type === "textarea" ? " wide" : ""}` }, parts,
      hint && h("p", { class: "hint", id: `${id}-hint` }, hint), fault,
      suggestions && h("datalist", { id: `${id}-list` }, suggestions.map((text) => h("option", { value: text })))),
    value() {
      if (type === "checkbox") return input.checked;
      const text = type === "password" ? input.value : input.value.trim();
      if (text === "") return null;
      return type === "number" ? Number(text) : text;
    },
    isMissing: () => input.required && (input.validity.badInput || input.value.trim() === ""),
    fault(text) {
      say(fault, text);
      mark(input, "aria-invalid", text ? "true" : null);
    },
    focus: () => input.focus(),
  };
}

/** Shows `content` in a modal dialog; the dialog is gone when it closes. */
export function dialog(title, content) {
  const id = `dialog-${++count}`;
  const element = h("dialog", { "aria-labelledby": id },
    h("header", null, h("h2", { id }, title),
      button("×", () => element.close(), { class: "plain", "aria-label": texts.action.close })),
    content);
  element.addEventListener("close", () => element.remove());
  document.body.append(element);
  element.showModal();
  return element;
}

/** Asks in a dialog and does `submit` with the answers; closes when that succeeds. */
export function ask({ title, text, fields = [], action, submit, isDanger }) {
  let shown;
  const close = () => shown.close();
  shown = dialog(title, [
    text && h("p", { class: "words" }, text),
    form({
      fields, action, isDanger, cancel: close,
      submit: async (values) => {
        await submit(values);
        close();
      },
    }),
  ]);
  return shown;
}

/** A field for something to say; optional unless `required`. */
export function note(required = false) {
  return { name: "note", label: texts.form.note, type: "textarea", maxlength: 400, optional: !required };
}

/** Leaves out what has no value. */
export function filled(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
}

/** Says for a moment, to eyes and screen readers, that something is done or has failed. */
export function toast(text, isFailure = false) {
  const place = document.getElementById("toasts");
  if (!place) return;
  const element = h("p", { class: isFailure ? "toast failed" : "toast" }, text);
  place.append(element);
  while (place.childElementCount > 4) place.firstChild.remove();
  setTimeout(() => element.remove(), 6000);
}

/** Does `action`, and says what came of it. */
export async function attempt(action, success) {
  try {
    await action();
    if (success) toast(success);
  } catch (problem) {
    toast(problem.message, true);
  }
}
