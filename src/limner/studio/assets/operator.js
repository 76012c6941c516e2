// The operator's page draws its figures anew every ten seconds while somebody looks at it.
import { ask, root } from "./page.js";

const EVERY_MS = 10_000;
const USABLE = "a[href], button, input, select, summary, [tabindex]";

const parts = (within) => new Map([...within.querySelectorAll("[data-refresh]")].map((each) => [each.dataset.refresh, each]));

export function operator() {
  const sent = new Map([...parts(document)].map(([name, part]) => [name, part.outerHTML]));
  let timer;
  let asking = false;

  async function refresh() {
    if (asking || document.hidden) return;
    asking = true;
    try {
      const page = new DOMParser().parseFromString(await ask(location.pathname.slice(root.length) + location.search), "text/html");
      const old = parts(document);
      for (const [name, part] of parts(page)) {
        const html = part.outerHTML;
        if (sent.get(name) === html || !old.has(name)) continue;
        if (put(old.get(name), document.adoptNode(part))) sent.set(name, html);
      }
    } catch { /* the next turn asks again; that the server is away is said above */ } finally {
      asking = false;
      timer = setTimeout(refresh, EVERY_MS);
    }
  }
  document.addEventListener("visibilitychange", () => { clearTimeout(timer); if (!document.hidden) refresh(); });
  timer = setTimeout(refresh, EVERY_MS);
}

// What a thing is called, without its figures.
const named = (each) => `${each.tagName} ${each.textContent.replaceAll(/[\d.,:%–-]+/g, "")}`;

// Puts the new part in the place of the old one. What has the focus, is scrolled or unfolded there stays so; where the
// thing with the focus is not there any more, the old part stays.
function put(old, part) {
  const list = [...old.querySelectorAll(USABLE)];
  const at = list.indexOf(document.activeElement);
  const next = [...part.querySelectorAll(USABLE)][at];
  if (at >= 0 && (!next || named(next) !== named(list[at]))) return false;
  const boxes = [...part.querySelectorAll(".scroll")];
  const scrolled = [...old.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  old.querySelectorAll("details").forEach((each, i) => { const same = part.querySelectorAll("details")[i]; if (same) same.open = each.open; });
  old.replaceWith(part);
  boxes.forEach((each, i) => { each.scrollLeft = scrolled[i] ?? 0; });
  if (at >= 0) next.focus({ preventScroll: true });
  return true;
}
