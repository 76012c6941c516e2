// Ctrl K: pages, commands and pictures in one list.
import { ask, earlierPrompts, element, elements, icon, root, t } from "./page.js";
import { pageLink } from "./keys.js";

const PAUSE_MS = 200;

const go = (path) => { location.href = root + path; };
const PAGES = [
  ["brush", "Make a picture", "G M", ""],
  ["history", "History", "G H", "/history"],
  ["layout-template", "Templates", "G T", "/templates"],
  ["wallet", "Account: balance and spend", "G A", "/account"],
  ["activity", "Operator: vendor weather", "G O", "/operator"],
];
const OF_FEED = [
  ["columns-2", "Compare two pictures", "C", () => document.querySelector("[data-act=compare-two]").click()],
  ["circle-x", "Cancel everything that still waits", "", () => document.dispatchEvent(new CustomEvent("limner:cancel-waiting"))],
];
// What can be done here: only pages that are in the bar, and of the feed only where it is.
const commands = () => [
  ...PAGES.filter(([, , , path]) => pageLink(path)).map(([sign, name, key, path]) => [sign, name, key, () => go(path)]),
  ["shield-check", "Check a picture", "", () => go("/check")],
  ["sun-moon", "Next theme", "Shift T", () => document.querySelector("[data-theme-next]").click()],
  ["keyboard", "Keys", "?", () => document.getElementById("keys").showModal()],
  ...(document.getElementById("feed") ? OF_FEED : []),
];

const MOST_PROMPTS = 5;
// The prompts sent from this device that have all of the words: chosen, one stands in the composer again.
const prompts = (words) => earlierPrompts().filter((each) => words.every((w) => each.toLowerCase().includes(w))).slice(0, MOST_PROMPTS)
  .map((each) => ["history", each, t("earlier prompt"), () => write(each)]);
function write(prompt) {
  if (document.getElementById("composer")) document.dispatchEvent(new CustomEvent("limner:write", { detail: prompt }));
  else go(`?prompt=${encodeURIComponent(prompt)}`);
}

export function palette() {
  const box = document.getElementById("palette");
  const input = box.querySelector("input");
  const list = box.querySelector("ul");
  const none = box.querySelector(".palette__none");
  const items = commands();
  let at = 0;
  let found = items;
  let timer;
  let asking = null;

  function mark(to) {
    at = (to + found.length) % Math.max(1, found.length);
    [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === at)));
    const now = list.children[at];
    input.setAttribute("aria-activedescendant", now?.id ?? "");
    now?.scrollIntoView({ block: "nearest" });
  }
  function option(sign, name, key, i) {
    const li = element("li", { id: `p${i}`, role: "option" }, sign, element("span", { textContent: name, dir: "auto" }));
    if (key) li.append(element("kbd", { textContent: key }));
    li.addEventListener("pointermove", () => mark(i));
    li.addEventListener("click", () => run(i));
    return li;
  }
  function show() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = items.filter(([, name]) => words.every((w) => t(name).toLowerCase().includes(w)));
    if (words.length) found = [...found, ...prompts(words)];
    list.replaceChildren(...found.map(([sign, name, key], i) => option(icon(sign), t(name), key, i)));
    none.hidden = found.length > 0;
    mark(0);
    clearTimeout(timer);
    asking?.abort();
    if (words.length) timer = setTimeout(pictures, PAUSE_MS);
  }
  // The newest pictures with these words, below the commands.
  async function pictures() {
    asking = new AbortController();
    const { signal } = asking;
    try {
      const links = elements(await ask(`/history/find?q=${encodeURIComponent(input.value.trim())}`, { signal }));
      if (signal.aborted) return;
      for (const link of links) {
        const sign = link.querySelector("img") ?? icon("history");
        list.append(option(sign, link.textContent.trim(), "", found.length));
        found.push(["", "", "", () => { location.href = link.href; }]);
      }
      none.hidden = found.length > 0;
      mark(at);
    } catch { /* the commands are there all the same */ }
  }
  function run(i) {
    box.close();
    if (found[i]) found[i][3]();
    else go(`/history?q=${encodeURIComponent(input.value.trim())}`);
  }

  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); mark(at + 1); }
    if (event.key === "ArrowUp") { event.preventDefault(); mark(at - 1); }
    if (event.key === "Enter") { event.preventDefault(); run(at); }
  });
  // When it closes, not when it opens: that event comes late, after the first letters of somebody quick.
  box.addEventListener("close", () => { input.value = ""; show(); });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); box.open ? box.close() : box.showModal(); }
  });
  show();
}
