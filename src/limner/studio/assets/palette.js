// Ctrl K: commands and pages in one list.
import { element, icon, root, t } from "./page.js";

const go = (path) => { location.href = root + path; };
const ITEMS = [
  ["brush", "Make a picture", "G M", () => go("")],
  ["history", "History", "G H", () => go("/history")],
  ["layout-template", "Templates", "G T", () => go("/templates")],
  ["wallet", "Account: balance and spend", "G A", () => go("/account")],
  ["activity", "Operator: vendor weather", "G O", () => go("/operator")],
  ["sun-moon", "Next theme", "Shift T", () => document.querySelector("[data-theme-next]").click()],
  ["keyboard", "Keys", "?", () => document.getElementById("keys").showModal()],
  ["columns-2", "Compare two pictures", "C", () => document.querySelector("[data-act=compare-two]")?.click()],
  ["circle-x", "Cancel everything that still waits", "", () => document.dispatchEvent(new CustomEvent("limner:cancel-waiting"))],
];

export function palette() {
  const box = document.getElementById("palette");
  const input = box.querySelector("input");
  const list = box.querySelector("ul");
  const none = box.querySelector(".palette__none");
  let at = 0;
  let found = ITEMS;

  function mark(to) {
    at = (to + found.length) % Math.max(1, found.length);
    [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === at)));
    const now = list.children[at];
    input.setAttribute("aria-activedescendant", now?.id ?? "");
    now?.scrollIntoView({ block: "nearest" });
  }
  function show() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = ITEMS.filter(([, name]) => words.every((w) => t(name).toLowerCase().includes(w)));
    list.replaceChildren(...found.map(([sign, name, key], i) => {
      const li = element("li", { id: `p${i}`, role: "option" }, icon(sign), element("span", { textContent: t(name) }));
      if (key) li.append(element("kbd", { textContent: key }));
      li.addEventListener("pointermove", () => mark(i));
      li.addEventListener("click", () => run(i));
      return li;
    }));
    none.hidden = found.length > 0;
    mark(0);
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
  box.addEventListener("toggle", () => { if (box.open) { input.value = ""; show(); input.focus(); } });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); box.open ? box.close() : box.showModal(); }
  });
  show();
}
