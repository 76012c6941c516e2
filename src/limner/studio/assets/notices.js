// The line above the page: one notice at most, the gravest of what is the case.
import { ask, icon, t, toSignIn } from "./page.js";

const again = () => document.dispatchEvent(new CustomEvent("limner:reconnect"));
// The gravest first: an icon, what is the case, what follows, and the button with what it does.
const NOTICES = {
  revoked: () => ["key-round", t("Your key was revoked."), t("Your draft is kept here."), t("Sign in again"), toSignIn],
  starting: () => ["refresh-cw", t("The server starts anew."), t("Nothing is lost."), t("Try now"), again],
  away: (retry) => ["wifi-off", t("The server is away."), `${t("Your tasks are safe on its disk and go on when it is back.")} ${retry}`, t("Try now"), again],
  old: () => ["info", t("This page is older than its server."), t("Reload; your draft stays."), t("Reload"), () => location.reload()],
  full: () => ["hard-drive", t("The server’s disk is full."), t("Looking and downloading work. What you make starts when there is space."), "", null],
};
const holding = new Map();
let shown = "";

export function notice(kind, on, more = "") {
  if (on) holding.set(kind, more); else holding.delete(kind);
  const gravest = Object.keys(NOTICES).find((each) => holding.has(each));
  const now = gravest ? `${gravest} ${holding.get(gravest)}` : "";
  if (now === shown) return; // a button that is being pressed must not be replaced
  shown = now;
  const box = document.getElementById("notice");
  box.hidden = !gravest;
  document.body.toggleAttribute("data-notice", Boolean(gravest));
  if (gravest) draw(box, NOTICES[gravest](holding.get(gravest)));
}

function draw(box, [sign, head, more, label, act]) {
  box.querySelector(".icon").replaceWith(icon(sign));
  box.querySelector("b").textContent = head;
  box.querySelector("[data-follows]").textContent = more;
  const button = box.querySelector("button");
  button.hidden = !act;
  button.textContent = label;
  button.onclick = act;
}

const AGAIN_MS = 10_000;
let timer;

// Asks how the server is and what the account has; says what of it is a notice. Answers null where there is no answer.
export async function askHowItIs() {
  clearTimeout(timer);
  try {
    const now = JSON.parse(await ask("/now"));
    notice("old", !document.documentElement.dataset.assets.endsWith(now.assets));
    notice("full", now.disk_full);
    if (now.disk_full) timer = setTimeout(askHowItIs, AGAIN_MS);
    return now;
  } catch { return null; }
}
