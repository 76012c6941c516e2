// The history: search and filters in the address, older tiles while scrolling, and what is done with several.
import { ask, element, elements, root, t } from "./page.js";
import { comparable, erase, keep, refused } from "./acts.js";
import { compare } from "./compare.js";
import { toast } from "./floating.js";

const PAUSE_MS = 200;
const PLACE = "limner.history.place";
const MOST_PAGES_BACK = 50;

export function history() {
  const form = document.getElementById("filters");
  const tiles = document.getElementById("tiles");
  const bar = document.getElementById("selbar");
  const mode = form.querySelector("[data-act=select-mode]");
  const main = document.querySelector(".hist");
  let last = null;
  let timer;
  let asked = 0;

  /* ---- search and filters ---- */
  async function search() {
    const words = form.elements.q.value.trim();
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(words)) { location.href = `${root}/pictures/${words}`; return; }
    const number = ++asked;
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    window.history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
    try {
      const found = elements(await ask(`/history/tiles?${query}`));
      if (number !== asked) return;
      tiles.replaceChildren(...found);
      watchMore();
      show();
      rail();
    } catch (error) { refused(error); }
  }
  form.addEventListener("input", (event) => { if (event.target.name) { clearTimeout(timer); timer = setTimeout(search, PAUSE_MS); } });
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });

  /* ---- dates ---- */
  async function rail() {
    const query = new URLSearchParams([...new FormData(form)].filter(([name, value]) => value && name !== "q"));
    const words = new FormData(form).get("q");
    try {
      const [list] = words ? [] : elements(await ask(`/history/rail?${query}`));
      document.getElementById("rail").replaceChildren(...(list ? [list] : []));
      document.getElementById("count").textContent = list?.dataset.total ?? "";
      here();
    } catch { /* the list works without it */ }
  }
  // The date that is being looked at.
  function here() {
    const top = [...tiles.querySelectorAll(".dayof")].findLast((each) => each.getBoundingClientRect().top < innerHeight / 3) ?? tiles.querySelector(".dayof");
    for (const link of document.querySelectorAll("#rail a")) link.toggleAttribute("aria-current", link.dataset.day === top?.id);
  }
  addEventListener("scroll", () => requestAnimationFrame(here), { passive: true });
  document.getElementById("rail").addEventListener("click", (event) => {
    const shown = document.getElementById(event.target.closest("a")?.dataset.day);
    if (shown) { event.preventDefault(); shown.scrollIntoView(); }
  });

  /* ---- older tiles ---- */
  const seen = new IntersectionObserver((entries) => { if (entries.some((each) => each.isIntersecting)) older(); }, { rootMargin: "800px" });
  const watchMore = () => { const more = tiles.querySelector("[data-more]"); if (more) seen.observe(more); };
  async function older() {
    const more = tiles.querySelector("[data-more]");
    if (!more || more.dataset.busy) return;
    more.dataset.busy = "";
    try {
      const found = elements(await ask(more.getAttribute("href").slice(root.length)));
      more.remove();
      for (const section of found) merge(section);
      watchMore();
    } catch (error) { delete more.dataset.busy; refused(error); }
  }
  function merge(section) {
    const same = section.id && document.getElementById(section.id);
    if (same) same.querySelector(".grid").append(...section.querySelectorAll(".tile"));
    else tiles.append(section);
  }
  tiles.addEventListener("click", (event) => { if (event.target.closest("[data-more]")) { event.preventDefault(); older(); } });

  /* ---- selecting ---- */
  const ticks = () => [...tiles.querySelectorAll(".tile .check")];
  const chosen = () => ticks().filter((tick) => tick.checked).map((tick) => tick.closest(".tile"));
  const ids = () => chosen().map((tile) => tile.dataset.id);
  function show() {
    const n = chosen().length;
    bar.querySelector("[data-selcount]").textContent = n;
    bar.hidden = n === 0;
    bar.toggleAttribute("data-two", n === 2);
    main.toggleAttribute("data-selecting", n > 0 || mode.getAttribute("aria-pressed") === "true");
  }
  main.addEventListener("click", (event) => {
    const link = event.target.closest(".hist[data-selecting] .tile > a");
    const check = link?.parentElement.querySelector(".check");
    if (check) { event.preventDefault(); check.checked = !check.checked; range(check, event.shiftKey); }
    const tick = event.target.closest(".tile .check");
    if (tick) range(tick, event.shiftKey);
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act === "select-none") for (const each of ticks()) each.checked = false;
    if (act === "select-mode") mode.setAttribute("aria-pressed", String(mode.getAttribute("aria-pressed") !== "true"));
    if (act === "keep-selected") keep(ids(), true, () => search());
    if (act === "erase-selected") confirm();
    if (act === "compare-selected") both();
    show();
  });
  function range(tick, shift) {
    const all = ticks();
    if (shift && last?.isConnected) {
      const [from, to] = [all.indexOf(last), all.indexOf(tick)].sort((a, b) => a - b);
      for (const between of all.slice(from, to + 1)) between.checked = tick.checked;
    }
    last = tick;
  }
  function both() {
    const pair = chosen().map(comparable).filter(Boolean);
    if (pair.length === 2) compare(...pair);
    else toast(t("Select two pictures to compare them."));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.key === "a" && !event.target.closest("input:not([type=checkbox]), select")) { event.preventDefault(); for (const tick of ticks()) tick.checked = true; show(); }
  });

  bar.querySelector("[data-zip]").addEventListener("submit", ({ target }) => {
    for (const old of target.querySelectorAll("[name=id]")) old.remove();
    target.append(...ids().map((id) => element("input", { type: "hidden", name: "id", value: id })));
  });

  /* ---- erasing ---- */
  function confirm() {
    if (chosen().length === 1) { eraseChosen(); return; }
    const dialog = document.getElementById("erase");
    dialog.querySelector("[data-erasecount]").textContent = chosen().length;
    dialog.showModal();
  }
  const eraseChosen = () => erase(ids(), (gone) => { for (const id of gone) document.getElementById(`task-${id}`)?.toggleAttribute("hidden", true); show(); }, () => search());
  document.getElementById("erase").addEventListener("click", (event) => { if (event.target.closest("[data-act=erase-confirmed]")) eraseChosen(); });

  /* ---- the place, for the way back from a picture ---- */
  window.history.scrollRestoration = "manual";
  addEventListener("pagehide", () => {
    const first = [...tiles.querySelectorAll(".tile")].find((tile) => tile.getBoundingClientRect().bottom > 0);
    if (first) sessionStorage.setItem(PLACE, JSON.stringify({ address: location.href, first: first.id, top: first.getBoundingClientRect().top, chosen: ids() }));
  });
  async function back() {
    const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
    if (kept?.address !== location.href || performance.getEntriesByType("navigation")[0]?.type === "navigate") return;
    for (let left = MOST_PAGES_BACK; left && !document.getElementById(kept.first) && tiles.querySelector("[data-more]"); left -= 1) await older();
    const first = document.getElementById(kept.first);
    if (!first) return;
    first.scrollIntoView();
    scrollBy(0, first.getBoundingClientRect().top - kept.top);
    for (const id of kept.chosen) { const tick = document.querySelector(`#task-${CSS.escape(id)} .check`); if (tick) tick.checked = true; }
    show();
  }

  show();
  return back().then(() => { watchMore(); return rail(); });
}
