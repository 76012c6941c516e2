// The entry: what every page has, then what this page needs.
import { menus } from "./floating.js";
import { palette } from "./palette.js";
import { keys } from "./keys.js";
import { comparing } from "./compare.js";
import { acts } from "./acts.js";
import { live } from "./live.js";
import { cookie, t } from "./page.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const SAID = { auto: "as the system says", light: "light", dark: "dark" };
const SIGN = { auto: "sun-moon", light: "sun", dark: "moon" };

function theme() {
  const root = document.documentElement;
  const button = document.querySelector("[data-theme-next]");
  const show = () => {
    const now = root.dataset.theme ?? "auto";
    button?.setAttribute("aria-label", `${t("Theme")}: ${t(SAID[now])}`);
    button?.setAttribute("title", `${t("Theme")}: ${t(SAID[now])} (Shift T)`);
    button?.querySelector("use").setAttribute("href", `${root.dataset.assets}/icons.svg#${SIGN[now]}`);
  };
  button?.addEventListener("click", () => {
    const next = NEXT[root.dataset.theme ?? "auto"];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    cookie("theme", next);
    show();
  });
  show();
}

function sliders() {
  for (const slider of document.querySelectorAll("[data-size]")) {
    const set = () => document.documentElement.style.setProperty(slider.dataset.size, `${slider.value}rem`);
    slider.addEventListener("input", set);
  }
  for (const range of document.querySelectorAll(".compare__stage input")) {
    range.addEventListener("input", () => range.parentElement.style.setProperty("--x", range.value));
  }
}

function pressed() {
  for (const group of document.querySelectorAll(".group, .stream__head")) {
    group.addEventListener("click", (event) => {
      const button = event.target.closest("[aria-pressed]");
      if (!button || button.dataset.mode) return;
      for (const other of group.querySelectorAll("[aria-pressed]")) other.setAttribute("aria-pressed", String(other === button));
    });
  }
}

theme();
sliders();
pressed();
menus();
acts();
const signedIn = document.getElementById("palette");
if (signedIn) {
  palette();
  comparing();
  keys();
}
const parts = [
  ["#composer", () => import("./composer.js").then((m) => m.composer())],
  ["#feed", () => import("./feed.js").then((m) => m.feed())],
  ["#stage", () => import("./stage.js").then((m) => m.stage())],
  [".hist", () => import("./history.js").then((m) => m.history())],
  ["[data-code]", () => import("./code.js").then((m) => m.code())],
  ["[data-cards]", () => import("./tried.js").then((m) => m.tried())],
  ["[data-slug]", () => import("./slug.js").then((m) => m.slug())],
  ["[data-refresh]", () => import("./operator.js").then((m) => m.operator())],
  [".api", () => import("./reference.js").then((m) => m.reference())],
];
const begun = parts.filter(([where]) => document.querySelector(where)).map(([, begin]) => begin());
// The connection comes last: what it tells before the parts listen would be lost.
Promise.allSettled(begun).then(() => {
  if (signedIn) live();
  document.documentElement.dataset.ready = ""; // that the page can be used, for whoever drives it by a program
});
