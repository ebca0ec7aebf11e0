// What stands around every view: header, ways, the place for messages.

import { post } from "../api.js";
import { h, mark, say } from "../dom.js";
import { age, second } from "../format.js";
import { attempt, toast } from "../forms.js";
import { here, link, route, startRouter } from "../router.js";
import { symbol } from "../shapes.js";
import { isAdmin, isAside, on, openAlerts, rank, state } from "../store.js";
import { texts } from "../texts.js";
import * as live from "../live.js";
import { accountView, moreView } from "./account.js";
import { alertsView } from "./alerts.js";
import { auditView } from "./audit.js";
import { busesView } from "./buses.js";
import { instrumentView } from "./instrument.js";
import { newInstrumentView } from "./register.js";
import { jobsView } from "./jobs.js";
import { overviewView } from "./overview.js";
import { relayView } from "./relay.js";
import { settingsView } from "./settings.js";
import { passwordForm } from "./signin.js";
import { simulatorView } from "./simulator.js";
import { usersView } from "./users.js";

route("", overviewView);
route("alerts", (_, signal) => alertsView("open", signal));
route("alerts/history", (_, signal) => alertsView("history", signal));
route("buses", busesView);
route("relay", relayView);
route("instrument/:tag", ({ tag }, signal) => instrumentView({ tag, tab: "trend" }, signal));
route("instrument/:tag/:tab", instrumentView);
route("new-instrument", newInstrumentView);
route("jobs", jobsView);
route("users", usersView);
route("audit", auditView);
route("settings", settingsView);
route("simulator", simulatorView);
route("account", accountView);
route("more", moreView);

/** The ways, in order; the first four fit a phone. */
export function ways() {
  const admin = isAdmin();
  return [
    { to: "", text: texts.ways.plant, isFirst: true },
    { to: "alerts", text: texts.ways.alerts, isFirst: true },
    { to: "buses", text: texts.ways.buses, isFirst: true },
    { to: "relay", text: texts.ways.relay, isFirst: true },
    { to: "jobs", text: texts.ways.jobs },
    admin && { to: "users", text: texts.ways.users },
    admin && { to: "audit", text: texts.ways.audit },
    admin && { to: "settings", text: texts.ways.settings },
    admin && { to: "simulator", text: texts.ways.simulator },
    { to: "account", text: texts.ways.account },
  ].filter(Boolean);
}

/** Shows the page until `signal` aborts; `leave` is called after signing out. */
export function showShell(signal, leave) {
  if (state.user.must_change_password) return showPasswordChange(leave);
  const outlet = h("main", { id: "main", tabindex: "-1" });
  const links = ways().map(({ to, text, isFirst }) =>
    h("a", { href: `#/${to}`, class: isFirst ? null : "later", "data-way": to }, text));
  const nav = h("nav", { "aria-label": texts.ways.title }, links,
    h("a", { href: "#/more", class: "more", "data-way": "more" }, texts.ways.more));
  document.body.replaceChildren(
    h("a", { class: "skip", href: "#main", on: { click: (event) => { event.preventDefault(); outlet.focus(); } } }, texts.skip),
    header(signal, leave), nav, outlet,
    h("div", { id: "toasts", role: "status", "aria-live": "polite" }),
    announcer(signal));
  startRouter(outlet, signal, () => {
    const place = here()[0] === "instrument" || here()[0] === "new-instrument" ? "" : here()[0];
    const shown = nav.querySelector(`[data-way="${CSS.escape(place)}"]`);
    for (const each of nav.children) mark(each, "aria-current", each === shown ? "page" : null);
  });
}

function header(signal, leave) {
  const connection = h("span", { class: "connection", role: "status" });
  const refreshed = h("span", { class: "refreshed number" });
  const badge = h("a", { class: "badge", href: link("alerts") });
  const relay = h("a", { class: "relay", href: link("relay") });
  const name = h("a", { class: "gateway", href: "#/" });

  const showConnection = () => {
    say(connection, texts.connection[state.connection]);
    mark(connection, "data-state", state.connection);
    mark(document.body, "data-connection", state.connection);
  };
  const showRefreshed = () => {
    const seconds = (Date.now() - state.refreshedAt) / 1000;
    say(refreshed, state.refreshedAt === null ? "" : seconds > 5
      ? `${second(state.refreshedAt)} · ${age(seconds)}` : second(state.refreshedAt));
  };
  const showBadge = () => {
    const alerts = openAlerts().filter((alert) => !isAside(alert));
    const active = alerts.filter((alert) => alert.active);
    const waiting = alerts.filter((alert) => alert.state === "raised");
    const worst = active.concat(waiting).reduce((a, b) => (!a || rank(b.severity) > rank(a.severity) ? b : a), null);
    badge.replaceChildren(
      worst ? symbol(worst.severity, waiting.length > 0, false) : "",
      h("span", null, texts.badge(active.length, waiting.length)));
    mark(badge, "data-severity", worst?.severity);
  };
  const showRelay = () => {
    if (!state.relay) return;
    const isSafe = state.relay.demand !== "energised";
    say(relay, texts.relayShort(state.relay));
    mark(relay, "data-safe", isSafe ? "true" : null);
  };
  const showName = () => {
    say(name, state.gateway);
    document.title = texts.title(state.gateway);
  };
  on("connection", showConnection, signal);
  on("refreshed tick", showRefreshed, signal);
  on("alerts", showBadge, signal);
  on("relay", showRelay, signal);
  on("summary", showName, signal);
  [showConnection, showRefreshed, showBadge, showRelay, showName].forEach((show) => show());
  return h("header", { class: "top" }, name,
    h("div", { class: "pulse" }, connection, refreshed),
    relay, badge,
    h("button", { class: "plain out", type: "button", on: { click: () => signOut(leave) } }, texts.signOut));
}

/** Ends the session. */
export function signOut(leave) {
  return attempt(async () => {
    await post("/api/auth/logout");
    state.user = null;
    await leave();
  });
}

// Only what is new is said aloud: a plant speaks every second, its alarms now and then.
function announcer(signal) {
  const place = h("div", { class: "hidden", role: "log", "aria-live": "assertive", "aria-label": texts.ways.alerts });
  on("alerts", (alert) => {
    if (!alert || isAside(alert)) return;
    place.replaceChildren(h("p", null, texts.announce(alert)));
  }, signal);
  on("jobs", ({ job, isNews }) => {
    if (isNews && job.state === "done") toast(texts.job.done(job));
    if (isNews && job.state === "failed") toast(texts.job.failed(job), true);
  }, signal);
  return place;
}

function showPasswordChange(leave) {
  document.body.replaceChildren(h("main", { class: "door" },
    h("h1", null, state.gateway || texts.product), h("h2", null, texts.person.changePassword),
    h("p", { class: "words" }, texts.person.mustChange),
    passwordForm(async () => { live.stop(); await leave(); }, () => signOut(leave))));
}
