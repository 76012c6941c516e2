// Cards outside of the feed: asked for anew at each change of their task.
import { ask, elements } from "./page.js";

export function tried() {
  const cardOf = (id) => document.querySelector(`[data-cards] #task-${CSS.escape(id)}`);
  const changes = new Map(); // the last change of each task that its card was asked for at
  let last = Promise.resolve();

  document.addEventListener("limner:frame", ({ detail: { id, status, progress, change } }) => {
    const card = cardOf(id);
    if (!card) return;
    card.querySelector(".guide")?.style.setProperty("--p", progress);
    if (card.dataset.state === status && (status !== "running" || changes.get(id) === change)) return;
    changes.set(id, change);
    // One answer after the other: an older state of a card must not come after a newer one.
    last = last.then(() => ask(`/tasks/cards?ids=${id}`)).then((answer) => { for (const anew of elements(answer)) cardOf(id)?.replaceWith(anew); }).catch(() => changes.delete(id));
  });
}
