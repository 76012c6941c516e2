// The same request on other models as well: which, what each says of it, and what all of them cost.
import { element, t } from "./page.js";

// `quoteOf(model, signal)` asks the server: the price, whether something is wrong, and a sentence.
export function otherModels(box, { rows, quoteOf, changed }) {
  const boxes = [...box.querySelectorAll("[data-also]")];
  const say = (each) => each.closest("li").querySelector("[data-also-say]");
  const rowOf = (id) => rows.find((row) => row.dataset.id === id);
  const quoted = new Map();
  let asking = null;
  let chosenModel = "";

  const chosen = () => boxes.filter((each) => each.checked && each.dataset.also !== chosenModel).map((each) => each.dataset.also);
  // The model of the composer itself is not among the others; those that do not take the pictures say why.
  function paint(model) {
    chosenModel = model;
    for (const each of boxes) {
      const row = rowOf(each.dataset.also);
      each.closest("li").hidden = each.dataset.also === model;
      each.disabled = row.getAttribute("aria-disabled") === "true";
      if (each.disabled) each.checked = false;
      if (!each.checked) { quoted.delete(each.dataset.also); tell(each, each.disabled ? row.querySelector("small").textContent : t("{n} credits", { n: row.dataset.credits }), false); }
    }
    box.querySelector("[data-alsonow]").textContent = chosen().map((id) => rowOf(id).dataset.name).join(", ") || t("none");
  }
  function tell(each, words, bad) {
    const place = say(each);
    place.classList.toggle("red", bad);
    if (place.textContent !== words) place.replaceChildren(element("span", { textContent: words, dir: "auto" }));
  }
  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    for (const each of boxes.filter((one) => chosen().includes(one.dataset.also))) {
      try {
        const found = await quoteOf(each.dataset.also, signal);
        if (signal.aborted) return;
        quoted.set(each.dataset.also, found);
        tell(each, found.brief, found.bad);
      } catch { return; }
    }
    changed();
  }
  const credits = (id, times) => quoted.get(id)?.price || rowOf(id).dataset.credits * times;
  return {
    chosen,
    paint,
    ask,
    stop: () => asking?.abort(),
    bad: () => chosen().some((id) => quoted.get(id)?.bad),
    price: (times) => chosen().reduce((sum, id) => sum + credits(id, times), 0),
    choose: (ids) => { for (const each of boxes) each.checked = ids.includes(each.dataset.also); box.open = ids.length > 0; },
  };
}
