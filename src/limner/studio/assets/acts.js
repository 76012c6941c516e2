// What the buttons of cards do.
import { ask, elements, root, t } from "./page.js";
import { compare } from "./compare.js";
import { toast } from "./floating.js";

export async function copy(words, said) {
  try { await navigator.clipboard.writeText(words); toast(said); } catch { toast(t("The browser does not let this page copy. Select it and press Ctrl C.")); }
}

const cardOf = (node) => node.closest(".card") ?? document.getElementById(`task-${node.closest("[popover]")?.dataset.for}`);
const pictureOf = (card) => card?.querySelector(".card__pic img")?.getAttribute("src");
const idOf = (node) => cardOf(node)?.dataset.id ?? document.querySelector(".look")?.dataset.id;
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`limner:${name}`, { detail }));

export function refused(error) {
  toast(error.status ? elements(error.html)[0]?.textContent.trim() ?? t("It was refused.") : t("The server did not answer. Nothing was changed."));
}

async function change(path, done) {
  try { done(elements(await ask(path, { method: "POST" }))); } catch (error) { refused(error); }
}

export const ACTS = {
  open: (node) => { location.href = `${root}/pictures/${idOf(node)}`; },
  vary: (node) => tell("vary", idOf(node)),
  ref: (node) => tell("ref", { id: idOf(node), src: pictureOf(cardOf(node)) }),
  compare: (node) => {
    const other = document.querySelector(".card:has(.check:checked)");
    const [mine, theirs] = [pictureOf(cardOf(node)), pictureOf(other)];
    if (mine && theirs && mine !== theirs) compare(mine, theirs);
    else toast(t("Select another picture first: tick its corner, or X on the keyboard."));
  },
  "compare-two": () => {
    const chosen = [...document.querySelectorAll(".card:has(.check:checked)")].map(pictureOf).filter(Boolean);
    if (chosen.length === 2) compare(...chosen);
    else toast(t("Select two pictures first: hover one and tick its corner, or X on the keyboard."));
  },
  away: (node) => { const card = cardOf(node); card.hidden = true; toast(t("Put away. It stays in the history."), () => { card.hidden = false; }); },
  cancel: (node) => change(`/tasks/${idOf(node)}/cancel`, ([card]) => tell("card", card)),
  again: (node) => change(`/tasks/${idOf(node)}/again`, ([card]) => tell("new", [card])),
  link: (node) => copy(new URL(pictureOf(cardOf(node)), location.href).href, t("Link copied. It works for 24 hours, for everybody who has it.")),
  words: (node) => copy(cardOf(node)?.querySelector(".card__prompt").textContent.trim() ?? "", t("Prompt copied.")),
  download: (node) => cardOf(node)?.querySelector("a[download]")?.click(),
  reconnect: () => tell("reconnect"),
};

export function acts() {
  document.addEventListener("click", (event) => {
    const node = event.target.closest("[data-act]");
    if (node && ACTS[node.dataset.act]) { event.preventDefault(); ACTS[node.dataset.act](node); }
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(new URL(copied.dataset.copy, location.href).protocol.startsWith("http") && copied.dataset.copy.includes("/") ? new URL(copied.dataset.copy, location.href).href : copied.dataset.copy, t("Copied."));
  });
}
