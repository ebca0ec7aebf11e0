// Makes elements. Whatever is shown goes in as text, never as markup: nothing that was stored can
// become part of the page.

const svgSpace = "http://www.w3.org/2000/svg";

/** An element: attributes by name, `on` for listeners, `props` for properties, then its children. */
export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(svgSpace, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (key === "props") {
      Object.assign(element, value);
    } else {
      element.setAttribute(key, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Changes an element's text where it differs: what stays the same costs no layout. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets or removes an attribute where it differs. */
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** A button with words on it. */
export function button(text, action, attributes = {}) {
  return h("button", { type: "button", ...attributes, on: { click: action } }, text);
}

/** A list of terms and what they are; entries without a value are left out. */
export function facts(entries, attributes) {
  return h("dl", { class: "facts", ...attributes }, entries
    .filter((entry) => entry && entry[1] !== null && entry[1] !== undefined && entry[1] !== "")
    .map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value))));
}

/**
 * A table that scrolls sideways within itself; rows are arrays of texts or elements. One that `stacks`
 * puts its cells below each other on a phone: the roles keep it a table for screen readers.
 */
export function table(caption, heads, rows, { numeric = [], stacks = true } = {}) {
  const cell = (content, index) => h("td", { role: "cell", class: numeric.includes(index) ? "number" : null, "data-head": heads[index] },
    content === null || content === undefined ? "–" : content);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { role: "table", class: stacks ? "stacks" : null }, h("caption", { class: "hidden" }, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map((text) => h("th", { scope: "col", role: "columnheader" }, text)))),
      h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row" }, row.map(cell))))));
}
