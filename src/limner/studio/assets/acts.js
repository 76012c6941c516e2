// What the buttons of cards do.
import { ask, elements, root, t } from "./page.js";
import { compare } from "./compare.js";
import { toast } from "./floating.js";

export async function copy(words, said) {
  try { await navigator.clipboard.writeText(words); toast(said); } catch { toast(t("The browser does not let this page copy. Select it and press Ctrl C.")); }
}

const cardOf = (node) => node.closest(".card, .tile") ?? document.getElementById(`task-${node.closest("[popover]")?.dataset.for}`);
const pictureOf = (card) => card?.querySelector(".card__pic")?.dataset.full ?? card?.querySelector(".card__pic img")?.getAttribute("src") ?? card?.querySelector("a")?.dataset.full;
export const comparable = (card) => (card && pictureOf(card) ? { id: card.dataset.id, src: pictureOf(card) } : null);
const idOf = (node) => cardOf(node)?.dataset.id ?? document.querySelector(".look")?.dataset.id;
const composing = () => document.getElementById("composer");
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`limner:${name}`, { detail }));

export function refused(error) {
  toast(error.status ? elements(error.html)[0]?.textContent.trim() ?? t("It was refused.") : t("The server did not answer. Nothing was changed."));
}

async function change(path, done) {
  try { done(elements(await ask(path, { method: "POST" }))); } catch (error) { refused(error); }
}

// The request of a task once more, unchanged: a new task. What undoes a cancelling, too.
export const sendAgain = (id) => change(`/tasks/${id}/again`, ([card]) => tell("new", [card]));

function form(ids, fields = {}) {
  const body = new FormData();
  for (const id of ids) body.append("id", id);
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return body;
}

// Sets or removes the mark of tasks; retention and erasing of several leave kept ones alone.
export async function keep(ids, on, done) {
  try {
    await ask("/keep", { method: "POST", body: form(ids, { kept: on }) });
    toast(on ? t("Kept. Retention leaves it alone.") : t("No longer kept."));
    done();
  } catch (error) { refused(error); }
}

// Erases tasks in ten seconds, whether or not the page stays. `gone` gets their ids, `back` is called after an undo.
export async function erase(ids, gone, back) {
  try {
    const plan = JSON.parse(await ask("/erase", { method: "POST", body: form(ids) }));
    gone(plan.erasing);
    const left = plan.kept + plan.unfinished;
    const [n, s] = [plan.erasing.length, plan.grace_s];
    const say = [n === 1 ? t("Erased. It leaves the disk in {s} seconds.", { s }) : t("Erased ({n}). It leaves the disk in {s} seconds.", { n, s })];
    if (left) say.push(t("{n} were left out: kept, or under way.", { n: left }));
    if (plan.derived) say.push(t("{n} pictures made from it stay.", { n: plan.derived }));
    toast(say.join(" "), plan.erasing.length ? () => undo(plan.erasing, back) : null);
  } catch (error) { refused(error); }
}

async function undo(ids, back) {
  try {
    const { restored } = JSON.parse(await ask("/erase/undo", { method: "POST", body: form(ids) }));
    toast(t("Back again ({n}).", { n: restored.length }));
    back(restored);
  } catch (error) { refused(error); }
}

export const ACTS = {
  keep: (node) => {
    const button = node.closest("[data-act=keep]") ?? cardOf(node)?.querySelector("[data-act=keep]");
    const on = button?.getAttribute("aria-pressed") !== "true";
    keep([idOf(node)], on, () => button?.setAttribute("aria-pressed", String(on)));
  },
  erase: (node) => {
    const card = cardOf(node);
    erase([idOf(node)], (gone) => { if (gone.length && card) card.hidden = true; }, () => { if (card) card.hidden = false; });
  },
  open: (node) => { location.href = `${root}/pictures/${idOf(node)}`; },
  vary: (node) => { if (composing()) tell("vary", { id: idOf(node), model: node.dataset.value }); else location.href = `${root}?vary=${idOf(node)}`; },
  replace: (node) => { if (composing()) tell("replace", { id: idOf(node), number: +node.dataset.value }); else location.href = `${root}?vary=${idOf(node)}`; },
  ref: (node) => { if (composing()) tell("ref", { id: idOf(node), src: cardOf(node)?.querySelector("img")?.src }); else location.href = `${root}?ref=${idOf(node)}`; },
  compare: (node) => {
    const mine = comparable(cardOf(node));
    const theirs = comparable(document.querySelector(":is(.card, .tile):has(.check:checked)"));
    if (mine && theirs && mine.id !== theirs.id) compare(mine, theirs);
    else toast(t("Select another picture first: tick its corner, or X on the keyboard."));
  },
  "compare-two": () => {
    const chosen = [...document.querySelectorAll(".card:has(.check:checked)")].map(comparable).filter(Boolean);
    if (chosen.length === 2) compare(...chosen);
    else toast(t("Select two pictures first: hover one and tick its corner, or X on the keyboard."));
  },
  "compare-shown": (node) => compare({ id: idOf(node), src: node.dataset.src }, { id: node.dataset.other, src: node.dataset.otherSrc }),
  away: (node) => { const card = cardOf(node); card.hidden = true; toast(t("Put away. It stays in the history."), () => { card.hidden = false; }); },
  cancel: (node) => change(`/tasks/${idOf(node)}/cancel`, ([card]) => {
    tell("card", card);
    if (card.dataset.state === "cancelled") toast(t("Cancelled. Nothing was spent."), () => sendAgain(card.dataset.id));
  }),
  again: (node) => sendAgain(idOf(node)),
  link: (node) => copy(new URL(pictureOf(cardOf(node)), location.href).href, t("Link copied. It works for 24 hours, for everybody who has it.")),
  words: (node) => copy(cardOf(node)?.querySelector(".card__prompt").textContent.trim() ?? "", t("Prompt copied.")),
  download: (node) => cardOf(node)?.querySelector("[data-download]")?.click(),
  reconnect: () => tell("reconnect"),
  write: () => document.getElementById("prompt").focus(),
};

export function acts() {
  document.addEventListener("click", (event) => {
    const node = event.target.closest("[data-act]");
    if (node && ACTS[node.dataset.act]) { event.preventDefault(); ACTS[node.dataset.act](node); }
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(new URL(copied.dataset.copy, location.href).protocol.startsWith("http") && copied.dataset.copy.includes("/") ? new URL(copied.dataset.copy, location.href).href : copied.dataset.copy, t("Copied."));
  });
}
