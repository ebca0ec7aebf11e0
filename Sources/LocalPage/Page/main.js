// Where the page begins: set-up, sign-in, or the plant.

import { get, whenSignedOut } from "./api.js";
import { h } from "./dom.js";
import * as live from "./live.js";
import { state } from "./store.js";
import { texts } from "./texts.js";
import { applyTheme } from "./theme.js";
import { showSetUp, showSignIn } from "./views/signin.js";
import { showShell } from "./views/shell.js";

let shell = null;

/** Shows what is due: the set-up while there is no administrator, sign-in, or the page itself. */
async function begin() {
  leave();
  let setup;
  try {
    setup = await get("/api/setup", { mayBeSignedOut: true });
  } catch (problem) {
    return showFailure(problem);
  }
  state.gateway = setup.gateway ?? "";
  document.title = texts.title(state.gateway);
  if (setup.needs_setup) return showSetUp(enter);
  try {
    state.user = await get("/api/auth/me", { mayBeSignedOut: true });
  } catch (problem) {
    return problem.status === 401 ? showSignIn(enter) : showFailure(problem);
  }
  await enter(state.user);
}

async function enter(user) {
  leave();
  state.user = user;
  shell = new AbortController();
  try {
    if (!user.must_change_password) await live.start();
  } catch (problem) {
    if (problem.status !== 401) showFailure(problem);
    return;
  }
  showShell(shell.signal, begin);
}

function leave() {
  live.stop();
  shell?.abort();
  shell = null;
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
}

function showFailure(problem) {
  document.body.replaceChildren(h("main", { class: "door" },
    h("h1", null, texts.title(state.gateway)),
    h("p", { role: "alert" }, problem.message),
    h("button", { class: "primary", on: { click: begin } }, texts.action.retry)));
}

whenSignedOut(() => {
  if (!shell) return;
  leave();
  state.user = null;
  showSignIn(enter, texts.signIn.ended);
});
applyTheme();
document.documentElement.lang = texts.language;
begin();
