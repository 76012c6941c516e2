// The tabs of the same request as curl, Python or JSON.
import { copy } from "./acts.js";
import { t } from "./page.js";

export function code() {
  const tabs = [...document.querySelectorAll("[data-code]")];
  const panel = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
  function show(tab) {
    for (const other of tabs) {
      other.setAttribute("aria-selected", String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
      panel(other).hidden = other !== tab;
    }
  }
  for (const tab of tabs) {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) { const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length]; show(next); next.focus(); }
    });
  }
  document.querySelector("[data-act=copy-code]").addEventListener("click", () => copy(panel(tabs.find((tab) => tab.tabIndex === 0)).textContent, t("Copied. Your key is read from $KEY.")));
}
