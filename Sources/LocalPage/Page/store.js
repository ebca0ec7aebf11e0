// What the page knows, and who wants to hear when it changes.

/** The page's knowledge of the gateway. */
export const state = {
  user: null,
  gateway: "",
  /** By tag. */
  instruments: new Map(),
  /** The latest reading of each tag, with `receivedAt`, this device's time in milliseconds. */
  live: new Map(),
  /** Open alerts by their id. */
  alerts: new Map(),
  summary: null,
  health: null,
  relay: null,
  /** By id. */
  jobs: new Map(),
  /** `starting`, `live`, `polling` or `lost`. */
  connection: "starting",
  refreshedAt: null,
};

const changes = new EventTarget();

/** Calls `listener` whenever one of `topics` changes, until `signal` aborts. */
export function on(topics, listener, signal) {
  for (const topic of topics.split(" ")) {
    changes.addEventListener(topic, (event) => listener(event.detail), { signal });
  }
}

/**
 * Says that `topic` has changed: instruments, readings, alerts (with one that is new), summary, relay, jobs
 * (with the job), connection, refreshed, theme; `tick` comes each second.
 */
export function tell(topic, detail) {
  changes.dispatchEvent(new CustomEvent(topic, { detail }));
}

const severities = ["advisory", "warning", "critical"];

/** 0 to 2; what is worse is greater. */
export function rank(severity) { return severities.indexOf(severity); }

/** Whether an alert is put aside: shelved, suppressed or out of service. */
export function isAside(alert) {
  return ["shelved", "suppressed", "out-of-service"].includes(alert.alarm_state);
}

/** Open alerts: unacknowledged first, then active, then worse, then newer. */
export function openAlerts() {
  return [...state.alerts.values()].sort((a, b) =>
    isAside(a) - isAside(b)
    || (a.state !== "raised") - (b.state !== "raised")
    || b.active - a.active
    || rank(b.severity) - rank(a.severity)
    || b.raised_at.localeCompare(a.raised_at));
}

/** The open alerts of one tag, worst first. */
export function alertsOf(tag) {
  return openAlerts().filter((alert) => alert.tag_number === tag)
    .sort((a, b) => isAside(a) - isAside(b) || b.active - a.active || rank(b.severity) - rank(a.severity));
}

/** Seconds since the reading was taken, counted on from when it came; null: never. */
export function ageOf(reading) {
  if (!reading || reading.age_seconds === null || reading.age_seconds === undefined) return null;
  return reading.age_seconds + (Date.now() - reading.receivedAt) / 1000;
}

/** Readings that have not been renewed for this long are old, whatever the gateway said of them. */
const oldAfter = 45;

/** Whether a reading must not be taken for the present. */
export function isStale(reading) {
  if (!reading || reading.timestamp === null || state.connection === "lost") return true;
  return reading.stale || (Date.now() - reading.receivedAt) / 1000 > oldAfter;
}

/** Whether the signed-in person is an administrator. */
export function isAdmin() { return state.user?.role === "admin"; }
