// The API reference: finding a call, and trying one out.
import { ask, element, t } from "./page.js";
import { refused } from "./acts.js";

export function reference() {
  // The calls were parts of one page once, and links to those parts are about.
  const { base } = document.getElementById("main").dataset;
  const once = [...document.querySelectorAll(".api__nav a")].find((link) => link.getAttribute("href") === `${base}/${location.hash.slice(1)}`);
  if (once) location.replace(once.href);

  document.getElementById("api-find").addEventListener("input", ({ target }) => {
    const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of document.querySelectorAll(".api__nav details")) {
      const rows = [...group.querySelectorAll("li")];
      for (const row of rows) row.hidden = !words.every((word) => row.dataset.words.includes(word));
      group.hidden = rows.every((row) => row.hidden);
      if (words.length) group.open = true;
    }
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-try]");
    if (!form) return;
    event.preventDefault();
    const out = form.querySelector(".api__answer");
    try {
      const { status, headers, text } = JSON.parse(await ask("/docs/try", { method: "POST", body: new FormData(form) }));
      out.hidden = false;
      out.replaceChildren(
        element("p", {}, element("b", { className: `num ${status < 400 ? "green" : "red"}`, textContent: status }), ` ${status < 400 ? t("It worked.") : t("It was refused.")}`),
        element("details", {}, element("summary", { textContent: t("Headers") }), element("pre", { textContent: headers.map(([name, value]) => `${name}: ${value}`).join("\n") })),
        element("div", { className: "code" }, element("pre", { tabIndex: 0, textContent: pretty(text) })),
      );
    } catch (error) { refused(error); }
  });
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
