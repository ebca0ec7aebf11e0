// Addresses of the page are fragments: #/alerts, #/instrument/PT-101/trend. The gateway never sees them.

const routes = [];
let current = null;
let outlet = null;

/** Adds a view: `pattern` holds `:name` for a part; `show(parts, signal)` gives the view's element. */
export function route(pattern, show) {
  routes.push({ parts: pattern.split("/"), show });
}

/** The fragment that shows `parts`. */
export function link(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/** Goes to another view. */
export function go(...parts) {
  const to = link(...parts);
  if (location.hash === to) render();
  else location.hash = to;
}

/** The parts of the present address. */
export function here() {
  return location.hash.replace(/^#\/?/, "").split("?")[0].split("/").map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
}

/** Shows views in `element` from now on, until `signal` aborts; `onChange` hears of each. */
export function startRouter(element, signal, onChange) {
  outlet = element;
  const follow = () => { render(); onChange(); };
  addEventListener("hashchange", follow, { signal });
  signal.addEventListener("abort", () => { current?.abort(); current = null; });
  follow();
}

/** Makes the present view anew. */
export function render() {
  const parts = here();
  // What a dialog asks belongs to the view that it was opened in.
  for (const open of document.querySelectorAll("dialog")) open.close();
  for (const { parts: pattern, show } of routes) {
    const values = match(pattern, parts);
    if (!values) continue;
    const isFirst = !current;
    const isSamePlace = outlet.dataset.place === pattern[0] + (values.tag ?? "");
    current?.abort();
    current = new AbortController();
    outlet.replaceChildren(show(values, current.signal));
    outlet.dataset.place = pattern[0] + (values.tag ?? "");
    if (!isSamePlace) scrollTo(0, 0);
    // What was pressed may be gone: who goes by keyboard continues at the view, not at the page's top.
    if (!isFirst && document.activeElement === document.body) outlet.focus({ preventScroll: true });
    return;
  }
  location.replace("#/");
}

function match(pattern, parts) {
  if (pattern.length !== parts.length) return null;
  const values = {};
  for (const [index, part] of pattern.entries()) {
    if (part.startsWith(":")) values[part.slice(1)] = parts[index];
    else if (part !== parts[index]) return null;
  }
  return values;
}
