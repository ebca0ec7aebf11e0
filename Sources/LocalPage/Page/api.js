// Asks the gateway. Every path goes through here, and so does every refusal.

import { texts } from "./texts.js";

const patience = 20_000;

/** A refusal: its status, its reason in words, and the fields it is about. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || texts.problem(status));
    this.status = status;
    this.fields = Array.isArray(body.errors) ? body.errors : [];
  }
}

/** A path whose inserted parts cannot reach beyond their place: path`/api/alerts/${id}`. */
export function path(parts, ...values) {
  return parts.reduce((text, part, index) => text + encodeURIComponent(values[index - 1]) + part);
}

/** A path with a query; parameters without a value are left out. */
export function query(path, parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, value);
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

let onSignedOut = () => {};

/** What to do when the gateway says that nobody is signed in. */
export function whenSignedOut(action) { onSignedOut = action; }

async function call(method, address, { json, form, mayBeSignedOut } = {}) {
  const headers = { Accept: "application/json" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  let reply;
  try {
    reply = await fetch(address, {
      method, headers, cache: "no-store", credentials: "same-origin",
      signal: AbortSignal.timeout(patience),
      body: form ? new URLSearchParams(form) : json === undefined ? undefined : JSON.stringify(json),
    });
  } catch {
    throw new Problem(0);
  }
  const text = await reply.text();
  let body;
  try { body = text ? JSON.parse(text) : undefined; } catch { body = undefined; }
  if (reply.ok) return body;
  if (reply.status === 401 && !mayBeSignedOut) onSignedOut();
  const problem = new Problem(reply.status, body);
  problem.retryAfter = Number(reply.headers.get("Retry-After")) || null;
  throw problem;
}

/** Reads. */
export const get = (address, options) => call("GET", address, options);
/** Sends a new thing or an action; without a body where `json` is left out. */
export const post = (address, json) => call("POST", address, { json });
/** Changes what is named. */
export const patch = (address, json) => call("PATCH", address, { json });
/** Ends or retires what is named. */
export const remove = (address) => call("DELETE", address);
/** Signs in; the session comes as a cookie that no script can read. */
export const signIn = (username, password) =>
  call("POST", "/api/auth/login", { form: { username, password }, mayBeSignedOut: true });
/** Makes the first administrator with the code that the gateway printed. */
export const setUp = (json) => call("POST", "/api/setup", { json, mayBeSignedOut: true });
