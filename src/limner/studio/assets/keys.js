// Single letters act only while nothing is typed, and can be turned off (WCAG 2.1.4).
import { ACTS } from "./acts.js";
import { root } from "./page.js";

const typing = (node) => node.closest?.("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]");
const PAGES = { m: "", h: "/history", t: "/templates", a: "/account", o: "/operator" };
const ON_CARD = { v: "vary", r: "ref", c: "compare", d: "download", l: "link", k: "keep", Delete: "erase" };
let led = 0;

// The link to a page, if it is in the bar; others may not be opened.
export const pageLink = (path) => document.querySelector(`.nav a[href="${CSS.escape(root + path)}"]`);

const across = (cards) => Math.max(1, cards.findIndex((card, i) => i && card.offsetTop > cards[0].offsetTop));

function step(cards, from, by) {
  const next = cards[Math.max(0, Math.min(cards.length - 1, cards.indexOf(from) + by))];
  next?.querySelector("a, button")?.focus();
}

// From the prompt to the newest card; from other fields to the page.
function leave(field) {
  field.blur();
  if (field.id === "prompt") document.querySelector(".card:not([hidden]) :is(a, button)")?.focus();
}

// Whether a single key may act: nothing is typed, no dialog is open, and single letters are not turned off.
export function free(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return false;
  return !typing(event.target) && (event.key.length > 1 || Boolean(document.querySelector("[data-letters]")?.checked));
}

export function keys() {
  document.addEventListener("keydown", (event) => {
    if (typing(event.target) && event.key === "Escape" && !document.querySelector("dialog[open]")) leave(event.target);
    if (!free(event)) return;
    if (event.key === "?") document.getElementById("keys").showModal();
    if (event.key === "T" && event.shiftKey) document.querySelector("[data-theme-next]")?.click();
    if (event.key === "/") { event.preventDefault(); (document.getElementById("prompt") ?? document.querySelector("[type=search]"))?.focus(); }
    if (event.timeStamp - led < 900 && PAGES[event.key] !== undefined) pageLink(PAGES[event.key])?.click();
    led = event.key === "g" ? event.timeStamp : 0;

    const card = document.activeElement?.closest(".card, .tile");
    if (!card) return;
    const cards = [...document.querySelectorAll(".card, .tile")];
    if (event.key === "ArrowRight") step(cards, card, 1);
    if (event.key === "ArrowLeft") step(cards, card, -1);
    if (event.key === "ArrowDown") { event.preventDefault(); step(cards, card, across(cards)); }
    if (event.key === "ArrowUp") { event.preventDefault(); step(cards, card, -across(cards)); }
    if (event.key === "X") card.querySelector(".check")?.dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: true }));
    if (event.key === "x") card.querySelector(".check")?.click();
    if (event.key === "Delete" && card.matches("[data-state=queued], [data-state=running]")) return ACTS.cancel(card);
    if (ON_CARD[event.key]) ACTS[ON_CARD[event.key]](card);
  });
}
