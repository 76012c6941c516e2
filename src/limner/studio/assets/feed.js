// Live cards. A frame of the WebSocket moves numbers in place; a change of status asks for the card anew.
import { refused, sendAgain } from "./acts.js";
import { ask, elements, t } from "./page.js";
import { isOpen } from "./live.js";
import { toast } from "./floating.js";

const POLL_MS = 3_000;
const MOST_NAMED = 3;
// So many cards are asked for at once, and so many of them are put in their places before the page may answer a key.
const MOST_ASKED = 30;
const AT_ONCE = 4;
const NEXT_MS = 50;
const WANT = { all: () => true, busy: (state) => state === "queued" || state === "running", none: (state) => !["queued", "running", "success"].includes(state) };
// Further down than this somebody looks at other cards than the newest.
const AT_TOP_PX = 48;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export function feed() {
  const box = document.getElementById("feed");
  let want = "all";
  const wanted = new Set();
  const sent = new WeakMap(); // what the server sent of each card; the page changes it

  /* ---- cards ---- */
  let below = scrollY > AT_TOP_PX; // asked for at each card, it would lay the page out each time
  const held = new Map(); // new cards by their tasks, until somebody who looks further down is back at the top
  const cardOf = (id) => document.getElementById(`task-${id}`) ?? held.get(id);
  const gild = (card) => card.querySelector(".guide")?.style.setProperty("--p", card.dataset.p);
  const busy = () => {
    const states = [...box.querySelectorAll(".card")].map((card) => card.dataset.state);
    for (const [name, fits] of Object.entries(WANT)) document.querySelector(`[data-count-of=${name}]`).textContent = states.filter(fits).length || "";
    if (states.length) box.setAttribute("role", "feed"); // a feed has an article
    document.getElementById("empty")?.toggleAttribute("hidden", box.childElementCount > 0);
    box.parentElement.toggleAttribute("data-empty", Boolean(document.getElementById("empty")) && !box.childElementCount);
  };
  function show(card) {
    gild(card);
    card.hidden = !WANT[want](card.dataset.state);
    requestAnimationFrame(() => requestAnimationFrame(() => { card.dataset.moving = ""; }));
  }
  // Several at once: they are counted and announced together.
  async function put(cards) {
    const ready = [];
    for (let at = 0; at < cards.length; at += AT_ONCE) {
      if (at && !document.hidden) await pause(0);
      ready.push(...cards.slice(at, at + AT_ONCE).filter(place));
    }
    announce(ready);
    busy();
  }
  // Puts a card in its place; whether it has just become a picture.
  function place(card) {
    const old = cardOf(card.dataset.id);
    let became = false;
    sent.set(card, card.outerHTML);
    if (old && sent.get(old) === sent.get(card)) return false; // a click on it is not lost
    if (!old?.isConnected) {
      card.dataset.new = "";
      if (below) { hold(card); return false; }
      insert(card);
    } else {
      const focused = old.contains(document.activeElement) ? document.activeElement.dataset.act : null;
      const ticked = old.querySelector(".check")?.checked;
      became = old.dataset.state !== card.dataset.state && card.dataset.state === "success";
      if (became) card.dataset.new = "";
      old.replaceWith(card);
      if (ticked && card.querySelector(".check")) card.querySelector(".check").checked = true;
      if (focused !== null) (card.querySelector(`[data-act=${focused}]`) ?? card.querySelector("a, button"))?.focus({ preventScroll: true });
    }
    show(card);
    return became;
  }
  // The newest first, as a reload would show them: ids of tasks are ordered by their time.
  function insert(card) {
    const next = [...box.children].find((each) => !(each.dataset.id > card.dataset.id));
    box.insertBefore(card, next ?? null);
  }
  function hold(card) {
    held.set(card.dataset.id, card);
    const all = [...held.values()];
    const ready = all.filter((each) => each.dataset.state === "success").length;
    const chip = document.querySelector("[data-arrived]");
    chip.lastChild.textContent = ready === all.length ? t("{n} ready", { n: ready }) : t("{n} new", { n: all.length });
    chip.hidden = false;
  }
  function release() {
    if (!held.size) return;
    const cards = [...held.values()];
    held.clear();
    document.querySelector("[data-arrived]").hidden = true;
    for (const card of cards) { insert(card); show(card); }
    busy();
  }
  function announce(ready) {
    if (!ready.length) return;
    if (ready.length > MOST_NAMED) { toast(t("{n} pictures are ready.", { n: ready.length })); return; }
    for (const card of ready) toast(`${t("Ready")}: ${card.querySelector(".card__prompt").textContent.trim().slice(0, 60)}`);
  }
  function numbers(card, frame) {
    const words = card.querySelector("[data-say]");
    const left = card.querySelector("[data-left]");
    if (words) words.textContent = frame.status !== "queued" ? `${frame.progress} %` : frame.ahead ? t("{n} before this one", { n: frame.ahead }) : t("Next in line");
    if (left && frame.status !== "queued") left.textContent = t("about {s} s left", { s: frame.left_s });
    card.dataset.p = frame.progress;
    gild(card);
    const bar = card.querySelector("progress");
    if (bar) bar.value = frame.progress;
  }

  /* ---- frames ---- */
  const changes = new Map(); // the last change of each running task that its card was asked for at
  function changed({ id, status, change }) {
    const known = changes.get(id);
    if (status === "running") changes.set(id, change); else changes.delete(id);
    return status === "running" && known !== change;
  }
  function take(frame) {
    const card = cardOf(frame.id);
    const shown = !changed(frame) && card && card.dataset.state === frame.status;
    if (!card && isOlder(frame.id)) return; // it comes with the next cards, in its place
    if (shown && !frame.cancelling) numbers(card, frame);
    else if (!card || card.dataset.state !== "erased") want_(frame.id);
  }
  // Whether a task is older than all cards, where there are older cards to come.
  function isOlder(id) {
    const last = box.querySelector(".more-cards")?.previousElementSibling;
    return Boolean(last) && id < last.dataset.id;
  }
  let asking = false;
  function want_(id) {
    wanted.add(id);
    if (!asking) fetchWanted();
  }
  // One answer after the other: an older state of a card must not come after a newer one.
  async function fetchWanted() {
    asking = true;
    for (await pause(NEXT_MS); wanted.size; await pause(NEXT_MS)) {
      const ids = [...wanted].slice(0, MOST_ASKED);
      for (const id of ids) wanted.delete(id);
      try { await put(elements(await ask(`/tasks/cards?ids=${ids.join(",")}`)).reverse()); } catch { for (const id of ids) setTimeout(want_, POLL_MS, id); }
    }
    asking = false;
  }

  /* ---- the connection ---- */
  document.addEventListener("limner:frame", ({ detail }) => take(detail));
  // A proxy may let no WebSocket through: cards under way are then asked for.
  setInterval(() => { if (!isOpen()) for (const card of box.querySelectorAll("[data-state=queued], [data-state=running]")) want_(card.dataset.id); }, POLL_MS);

  /* ---- wiring ---- */
  document.querySelector(".stream__head").addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-want]")?.dataset.want;
    if (!chosen) return;
    want = chosen;
    for (const card of box.querySelectorAll(".card")) card.hidden = !WANT[want](card.dataset.state);
  });
  // Older cards come when the last row is near; the link stays for those who want them now.
  const near = new IntersectionObserver((entries) => { if (entries.some((each) => each.isIntersecting)) older(); }, { rootMargin: "800px" });
  const watchMore = () => { const more = box.querySelector("[data-more]"); if (more) near.observe(more); };
  async function older() {
    const more = box.querySelector("[data-more]");
    if (!more || more.dataset.busy) return;
    more.dataset.busy = "";
    try {
      const found = elements(await ask(`/feed${more.search}`));
      more.closest(".more-cards").replaceWith(...found.filter((each) => !each.id || !document.getElementById(each.id)));
      for (const card of found.filter((each) => each.dataset.id)) show(card);
      busy();
      watchMore();
    } catch (error) { delete more.dataset.busy; refused(error); }
  }
  box.addEventListener("click", (event) => { if (event.target.closest("[data-more]")) { event.preventDefault(); older(); } });
  document.addEventListener("limner:card", ({ detail }) => put([detail]));
  document.addEventListener("limner:new", ({ detail }) => { scrollTo({ top: 0 }); below = false; release(); put([...detail].reverse()); });
  addEventListener("scroll", () => { below = scrollY > AT_TOP_PX; if (!below) release(); }, { passive: true });
  box.addEventListener("change", () => box.toggleAttribute("data-selecting", Boolean(box.querySelector(".check:checked"))));
  document.querySelector("[data-arrived]").addEventListener("click", () => { scrollTo({ top: 0 }); release(); box.querySelector(".card :is(a, button)")?.focus({ preventScroll: true }); });
  document.addEventListener("limner:cancel-waiting", async () => {
    const waiting = [...box.querySelectorAll("[data-state=queued]")];
    const gone = [];
    for (const { dataset: { id } } of waiting) {
      try {
        const cards = elements(await ask(`/tasks/${id}/cancel`, { method: "POST" }));
        await put(cards);
        if (cards[0]?.dataset.state === "cancelled") gone.unshift(id);
      } catch (error) { refused(error); break; }
    }
    const undo = gone.length ? async () => { for (const id of gone) await sendAgain(id); } : null;
    toast(t("Cancelled {n} that waited. What runs goes on.", { n: gone.length }), undo);
  });
  for (const card of box.querySelectorAll(".card")) show(card);
  busy();
  watchMore();
}
