// The connection to the server: one WebSocket a page, frames of changed tasks, the notice while it is away, the balance.
import { ask, root, t } from "./page.js";
import { toast } from "./floating.js";

const RETRY_S = [1, 2, 4, 8, 10];
const AWAY_AFTER_MS = 2_000;
const OVERLAP_MS = 5_000;
const BALANCE_AFTER_MS = 300;
const TITLE = document.title;

let socket;

export const isOpen = () => socket?.readyState === WebSocket.OPEN;

// Tells `limner:frame` for each changed task.
export function live() {
  const away = document.getElementById("away");
  const dot = document.querySelector("#live .dot");
  const say = document.querySelector("#live span");
  const known = new Map();
  let since = +document.body.dataset.now;
  let [tries, lost, timer, asking] = [0, 0, 0, 0];
  let ready = 0; // pictures that came while the tab was hidden

  function connect() {
    clearTimeout(timer);
    const address = new URL(`${root}/live?since=${Math.max(0, since - OVERLAP_MS)}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.addEventListener("open", back);
    socket.addEventListener("message", (event) => take(JSON.parse(event.data)));
    socket.addEventListener("close", closed);
  }
  function take(frame) {
    since = Math.max(since, frame.now_ms);
    if (known.get(frame.id) !== frame.status) {
      balance();
      if (document.hidden && frame.status === "success") document.title = `● ${t("{n} ready", { n: ready += 1 })} · ${TITLE}`;
    }
    known.set(frame.id, frame.status);
    document.dispatchEvent(new CustomEvent("limner:frame", { detail: frame }));
  }
  function balance() {
    asking ||= setTimeout(async () => {
      asking = 0;
      try {
        const { available, frozen } = JSON.parse(await ask("/balance"));
        document.querySelector("[data-balance]").textContent = available.toLocaleString("en");
        document.querySelector(".purse").title = t("{n} more are held for tasks under way", { n: frozen.toLocaleString("en") });
      } catch { /* the next change asks again */ }
    }, BALANCE_AFTER_MS);
  }
  function back() {
    if (!away.hidden) { toast(t("Back.")); balance(); }
    [tries, lost, away.hidden, dot.dataset.is, say.textContent] = [0, 0, true, "", t("Live")];
  }
  function closed(event) {
    if (event.code === 1008) { location.reload(); return; }
    lost ||= Date.now();
    dot.dataset.is = "away";
    const wait = RETRY_S[Math.min(tries, RETRY_S.length - 1)];
    tries += 1;
    timer = setTimeout(connect, wait * 1000);
    setTimeout(() => {
      if (!lost || Date.now() - lost < AWAY_AFTER_MS) return;
      away.hidden = false;
      say.textContent = t("Away");
      away.querySelector("[data-retry]").textContent = t("Trying again every {s} s.", { s: RETRY_S.at(-1) });
    }, AWAY_AFTER_MS);
  }
  const now = () => { if (socket.readyState > WebSocket.OPEN) { tries = 0; connect(); } };
  document.addEventListener("limner:reconnect", now);
  addEventListener("online", now);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    [ready, document.title] = [0, TITLE];
    now();
  });
  connect();
}
