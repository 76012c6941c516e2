// The connection to the server: frames of changed tasks, the balance, and what is said while it is away.
import { csrf, root, t, toSignIn } from "./page.js";
import { askHowItIs, notice } from "./notices.js";
import { ENDED, sharedSocket } from "./socket.js";
import { toast } from "./floating.js";

const AWAY_AFTER_MS = 2_000;
const BALANCE_AFTER_MS = 300;
const AGAIN_MS = 10_000;
const LOOKED_MS = 1_500; // the server looks at its disk once a second
const RESTARTS = 1012;
const TITLE = document.title;

let socket;

export const isOpen = () => Boolean(socket?.isOpen());

// Tells `limner:frame` for each changed task.
export function live() {
  const dot = document.querySelector("#live .dot");
  const say = document.querySelector("#live span");
  const known = new Map();
  let since = +document.body.dataset.now;
  let [lost, asking] = [0, 0];
  let ready = 0; // pictures that came while the tab was hidden
  // A new connection tells again of what changed shortly before the page was drawn. A card that was drawn later may be
  // further than the frame that asked for it.
  const drawnReady = new Set([...document.querySelectorAll(".card[data-state=success]")].map((card) => card.dataset.id));

  function message(frame) {
    since = Math.max(since, frame.now_ms);
    if (known.get(frame.id) !== frame.status) {
      balance();
      if (document.hidden && frame.status === "success" && !drawnReady.has(frame.id)) document.title = `● ${t("{n} ready", { n: ready += 1 })} · ${TITLE}`;
    }
    known.set(frame.id, frame.status);
    document.dispatchEvent(new CustomEvent("limner:frame", { detail: frame }));
  }
  function balance() {
    asking ||= setTimeout(async () => {
      asking = 0;
      const now = await askHowItIs();
      if (!now) return; // the next change asks again
      document.querySelector("[data-balance]").textContent = now.available.toLocaleString("en");
      document.querySelector(".purse").title = t("{n} more are held for tasks under way", { n: now.frozen.toLocaleString("en") });
    }, BALANCE_AFTER_MS);
  }
  function open() {
    if (!lost) return;
    if (say.textContent === t("Away")) toast(t("Back."));
    balance();
    notice("away", false);
    notice("starting", false);
    [lost, dot.dataset.is, say.textContent] = [0, "", t("Live")];
  }
  function closed(code, reason) {
    if (code === ENDED && reason === "the key was revoked") { ended(); return; }
    if (code === ENDED) { toSignIn(); return; }
    lost ||= Date.now();
    dot.dataset.is = "away";
    setTimeout(async () => {
      if (!lost || Date.now() - lost < AWAY_AFTER_MS) return;
      const answers = await askHowItIs(); // a proxy may let no WebSocket through
      if (!lost) return;
      notice("starting", !answers && code === RESTARTS);
      notice("away", !answers, t("Trying again every {s} s.", { s: AGAIN_MS / 1000 }));
      [dot.dataset.is, say.textContent] = answers ? ["slow", t("Asking")] : ["away", t("Away")];
    }, AWAY_AFTER_MS);
  }
  function ended() {
    document.documentElement.dataset.ended = "";
    notice("revoked", true);
    [dot.dataset.is, say.textContent] = ["away", t("Signed out")];
  }
  const address = (from) => {
    const url = new URL(`${root}/live?since=${from}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    return url;
  };
  // A name that only pages of this session and this version know.
  const name = `limner ${csrf.slice(0, 16)} ${document.documentElement.dataset.assets}`;
  socket = sharedSocket(name, address, { since: () => since, message, open, closed });
  document.addEventListener("limner:reconnect", socket.now);
  addEventListener("online", socket.now);
  document.addEventListener("limner:refused", () => setTimeout(balance, LOOKED_MS));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    [ready, document.title] = [0, TITLE];
    socket.now();
  });
  setInterval(() => { if (lost && !document.hidden) socket.now(); }, AGAIN_MS); // timers of a hidden tab are late
  if ("full" in document.body.dataset) notice("full", true);
}
