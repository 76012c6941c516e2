// Cards outside of the feed: asked for anew at each change of their task.
import { ask, elements } from "./page.js";

export function tried() {
  document.addEventListener("limner:frame", async ({ detail: { id, status, progress } }) => {
    const card = document.querySelector(`[data-cards] #task-${CSS.escape(id)}`);
    if (!card || (card.dataset.state === status && status !== "running")) return;
    card.querySelector(".guide")?.style.setProperty("--p", progress);
    if (card.dataset.state === status) return;
    const [anew] = elements(await ask(`/tasks/cards?ids=${id}`).catch(() => ""));
    if (anew) card.replaceWith(anew);
  });
}
