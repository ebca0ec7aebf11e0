// Keeps the page's knowledge fresh: by events while they come, by asking each 30 s otherwise.
// A page that nobody looks at closes its stream, so that forgotten tabs cost the gateway nothing.

import { get, query } from "./api.js";
import { state, tell } from "./store.js";

const pollEvery = 30_000;
/** Silence on an open stream that makes the page ask by itself. */
const silenceLimit = 20_000;
/** What comes on a stream this soon after its opening was there before. */
const settled = 3_000;

let stream = null;
let timers = [];
let lastEvent = 0;
let openedAt = 0;
let lastPoll = 0;
let isPolling = false;
let generation = 0;
/** Tags that readings came of last. */
let liveTags = null;

/** Loads everything, then follows it until `stop`. */
export async function start() {
  stop();
  const mine = ++generation;
  await loadAll();
  if (mine !== generation) return;
  open();
  timers = [setInterval(beat, 1000)];
  document.addEventListener("visibilitychange", followVisibility);
  window.addEventListener("online", wake);
}

/** Forgets the stream and the timers. */
export function stop() {
  generation += 1;
  close();
  timers.forEach(clearInterval);
  timers = [];
  document.removeEventListener("visibilitychange", followVisibility);
  window.removeEventListener("online", wake);
}

function open() {
  close();
  if (document.hidden) return;
  stream = new EventSource("/api/events");
  lastEvent = openedAt = Date.now();
  stream.addEventListener("open", () => {
    if (state.connection === "lost") poll();
    setConnection("live");
  });
  stream.addEventListener("error", () => {
    // The browser tries again by itself, unless it was refused: then the next poll opens a new stream.
    if (state.connection === "polling" || state.connection === "lost") return;
    setConnection("polling");
    poll();
  });
  take("readings", takeReadings);
  take("alert", takeAlert);
  take("relay", (relay) => { state.relay = relay; tell("relay"); });
  take("job", takeJob);
  take("health", (health) => { state.health = health; tell("summary"); });
}

function close() {
  stream?.close();
  stream = null;
}

function take(name, action) {
  stream.addEventListener(name, (event) => {
    lastEvent = Date.now();
    let data;
    try { data = JSON.parse(event.data); } catch { return; }
    setConnection("live");
    action(data);
    refreshed();
  });
}

function beat() {
  tell("tick");
  if (document.hidden) return;
  const now = Date.now();
  const isSilent = isOpen() && now - Math.max(lastEvent, lastPoll) > silenceLimit;
  if (isSilent || now - lastPoll >= pollEvery) poll();
}

function isOpen() { return stream?.readyState === EventSource.OPEN; }

function followVisibility() {
  if (document.hidden) close();
  else wake();
}

function wake() {
  open();
  poll();
}

/** Asks for all that changes; says whether the gateway answers. */
async function poll() {
  if (isPolling) return;
  isPolling = true;
  lastPoll = Date.now();
  const mine = generation;
  try {
    const [readings, alerts, summary] = await Promise.all([
      get("/api/instruments/live-readings"), get("/api/alerts"), get("/api/dashboard/summary"),
    ]);
    if (mine !== generation) return;
    takeReadings(readings);
    takeAlerts(alerts);
    takeSummary(summary);
    if (!isOpen()) setConnection("polling");
    // Readings come each second: a stream that is open and silent is dead.
    const isDead = !stream || stream.readyState === EventSource.CLOSED || (isOpen() && Date.now() - lastEvent > silenceLimit);
    if (isDead) open();
    refreshed();
  } catch (problem) {
    if (mine === generation && problem.status !== 401) setConnection("lost");
  } finally {
    isPolling = false;
  }
}

async function loadAll() {
  lastPoll = Date.now();
  const [instruments, readings, alerts, summary, jobs] = await Promise.all([
    registered(), get("/api/instruments/live-readings"), get("/api/alerts"), get("/api/dashboard/summary"), get("/api/jobs"),
  ]);
  takeInstruments(instruments);
  takeReadings(readings);
  takeAlerts(alerts);
  takeSummary(summary);
  state.jobs = new Map(jobs.map((job) => [String(job.id), job]));
  refreshed();
}

/** Asks for the register again, after a change to it. */
export async function reloadInstruments() {
  takeInstruments(await registered());
}

/** The register without those that are retired. */
function registered() { return get(query("/api/instruments", { retired: false })); }

/** Asks for what actions change, at once rather than at the next event. */
export function refreshSoon() {
  lastPoll = 0;
  return poll();
}

function takeInstruments(list) {
  state.instruments = new Map(list.map((item) => [item.tag_number, item]));
  tell("instruments");
}

function takeReadings(list) {
  const receivedAt = Date.now();
  for (const reading of list) state.live.set(reading.tag_number, { ...reading, receivedAt });
  const tags = list.map((reading) => reading.tag_number).join();
  // Somebody else has changed the register.
  if (liveTags !== null && tags !== liveTags) reloadInstruments().catch(() => {});
  liveTags = tags;
  tell("readings");
}

function takeAlerts(list) {
  state.alerts = new Map(list.map((alert) => [alert.id, alert]));
  tell("alerts");
}

function takeAlert(alert) {
  const before = state.alerts.get(alert.id);
  if (alert.state === "resolved") state.alerts.delete(alert.id);
  else state.alerts.set(alert.id, { ...before, ...alert });
  tell("alerts", before || alert.state === "resolved" ? undefined : alert);
}

function takeSummary(summary) {
  state.summary = summary;
  state.gateway = summary.gateway;
  state.health = summary.health;
  if (summary.relay) state.relay = summary.relay;
  tell("summary");
  tell("relay");
}

function takeJob(job) {
  const before = state.jobs.get(String(job.id));
  state.jobs.set(String(job.id), job);
  // A new stream begins with all that is known: what is news is what changes later.
  const isNews = before ? before.state !== job.state : Date.now() - openedAt > settled;
  tell("jobs", { job, isNews });
}

function setConnection(word) {
  if (state.connection === word) return;
  state.connection = word;
  tell("connection");
}

function refreshed() {
  state.refreshedAt = Date.now();
  tell("refreshed");
}
