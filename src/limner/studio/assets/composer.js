// The composer: the draft, what is wrong with it, what it will cost, and sending it.
import { EARLIER, ask, earlierPrompts, element, elements, icon, root, t } from "./page.js";
import { cites, firstEmoji, insert, paintMirror, points, renumbered, withoutEmoji } from "./prompt.js";
import { References } from "./references.js";
import { otherModels } from "./others.js";
import { refused } from "./acts.js";
import { toast } from "./floating.js";

const DRAFT = "limner.draft";
const MOST_EARLIER = 200;
const QUOTE_AFTER_MS = 250;
const OPTIONS = ["aspect_ratio", "size", "quality", "background", "partial_images"];
const SWITCHES = ["t_pose", "sketch_to_render"];

export function composer() {
  const form = document.getElementById("composer");
  const $ = (selector) => form.querySelector(selector);
  const prompt = $("#prompt");
  const limit = +prompt.dataset.limit;
  const rows = [...document.querySelectorAll(".model")];
  const facts = (row) => ({ id: row.dataset.id, name: row.dataset.name, credits: +row.dataset.credits, refs: +row.dataset.refs, by: row.dataset.by, is: row.dataset.is, successor: row.dataset.successor, accepts: row.dataset.accepts.split(" "), obeys: Object.fromEntries(OPTIONS.map((name) => [name, row.dataset[name]])) });
  let model = facts(rows.find((row) => row.getAttribute("aria-selected") === "true"));
  let times = 1;
  let recalled = -1;
  let judged = null; // the number of pictures that the models were last judged by
  let replacing = null; // the place of the reference that the next chosen file is for
  let restoring = true;

  const refs = new References($("#refs"), {
    changed: (renumbering) => { prompt.value = renumbered(prompt.value, renumbering); update(); },
    pick: () => $("#files").click(),
    cite: (n) => { insert(prompt, `image[${n}]`); update(); },
    say: (nodes) => toast(nodes[0]?.textContent.trim() ?? t("That picture cannot be used.")),
  });

  const others = otherModels($("#also"), {
    rows,
    changed: () => paintReady(),
    quoteOf: async (id, signal) => {
      const [line] = elements(await ask("/quote", { method: "POST", body: body(id), signal }));
      return { price: +line.dataset.price, bad: "bad" in line.dataset, brief: line.dataset.brief };
    },
  });

  /* ---- what is wrong, each with the way out ---- */
  const effective = () => (model.successor && pictures() ? { ...facts(rows.find((row) => row.dataset.id === model.successor)), why: t("{model} takes no pictures", { model: model.name }) } : model);
  const template = () => (form.elements.template.value ? form.querySelector("[name=template]:checked") : null);
  const pictures = () => refs.length + +(template()?.dataset.pictures ?? 0);
  const roomier = () => rows.filter((row) => row.dataset.is !== "off" && +row.dataset.refs >= refs.length).sort((a, b) => a.dataset.credits - b.dataset.credits)[0];
  function problems() {
    const [found, text] = [[], prompt.value];
    const emoji = firstEmoji(text);
    if (emoji) found.push({ say: t("{emoji} cannot be sent: models are told words, not emoji.", { emoji }), fix: t("Take it out"), act: () => edit(withoutEmoji(prompt.value)) });
    for (const [whole, n] of cites(text)) {
      if (n >= 1 && n <= refs.length) continue;
      const have = refs.length ? t("You have {n}.", { n: refs.length }) : t("You have none.");
      const way = refs.length ? { fix: t("Make it image[{n}]", { n: refs.length }), act: () => edit(prompt.value.replace(whole, `image[${refs.length}]`)) } : { fix: t("Add one"), act: () => $("#files").click() };
      found.push({ say: `${t("{name} names a picture you have not added.", { name: whole })} ${have}`, ...way });
    }
    const over = points(text) - limit;
    if (over > 0) found.push({ say: t("{n} characters too many. Templates do not count, only your words do.", { n: over.toLocaleString("en") }) });
    const runs = effective();
    if (refs.length > runs.refs) {
      const other = roomier();
      found.push({ say: runs.refs ? t("{model} takes {n} pictures, you have {m}.", { model: runs.name, n: runs.refs, m: refs.length }) : `${t("{model} takes no pictures", { model: runs.name })}.`, ...(other ? { fix: t("Use {model}", { model: other.dataset.name }), act: () => choose(other) } : {}) });
    }
    const wrong = refs.items.findIndex((each) => each.media && !runs.accepts.includes(each.media));
    if (wrong >= 0 && refs.length <= runs.refs) found.push({ say: t("image[{n}] is a {format}, which {model} does not take.", { n: wrong + 1, format: refs.items[wrong].media.split("/")[1].toUpperCase(), model: runs.name }) });
    return found;
  }
  function edit(value) { prompt.value = value; prompt.focus(); update(); }

  /* ---- drawing ---- */
  let said = "";
  function paintProblems(found) {
    prompt.setAttribute("aria-invalid", String(found.length > 0));
    const saying = found.map((each) => each.say).join("\n");
    if (saying === said) return; // a button that is being pressed must not be replaced
    said = saying;
    $("#problems").replaceChildren(...found.slice(0, 3).map(({ say, fix, act }) => {
      const words = element("span", { textContent: say });
      if (fix) { const button = element("button", { type: "button", textContent: fix }); button.addEventListener("click", act); words.append(" ", button); }
      return element("p", { className: "problem" }, icon("circle-alert"), words);
    }));
  }
  const nothing = () => !prompt.value.trim() && !form.elements.template.value;
  // What can be said without the server; null leaves the word to it.
  function atOnce(bad) {
    if (bad) return ["circle-alert", t("There is something to put right above ({n}). Nothing is sent or spent until then.", { n: bad })];
    if (nothing()) return ["info", t("Write what it should show, or choose a template.")];
    if (!refs.ready) return ["info", t("A picture is still on its way up.")];
    if (template() && "needsImage" in template().dataset && !refs.length) return ["info", t("{template} changes a picture: add one, or it works from your words alone.", { template: template().dataset.title })];
    return null;
  }
  function paintQuote(bad) {
    const say = atOnce(bad);
    if (say) $("#quote").replaceChildren(icon(say[0]), element("span", { textContent: say[1] }));
    $("#quote").toggleAttribute("data-bad", bad > 0);
    price = effective().credits * times;
    wrong = bad > 0;
    paintReady();
    ask_(bad > 0 || nothing() || !refs.ready);
  }
  let price = 0; // of the model itself
  let wrong = false;
  function paintReady() {
    const many = times * (1 + others.chosen().length);
    $("#send").setAttribute("aria-disabled", String(wrong || nothing() || !refs.ready || others.bad()));
    $("[data-send]").textContent = `${t("Make")}${many > 1 ? ` ${many}` : ""} · ${t("{n} credits", { n: (price + others.price(times)).toLocaleString("en") })}`;
  }

  /* ---- the server's quote: price, route, wait, final words, and what it finds wrong ---- */
  let asking = null;
  let timer;
  function ask_(no) {
    clearTimeout(timer);
    asking?.abort();
    asking = null;
    if (no && !said) $("#problems").replaceChildren();
    others.stop();
    if (no) { if (nothing()) paintTold(null); } else timer = setTimeout(() => { quote(); others.ask(); }, QUOTE_AFTER_MS);
  }
  async function quote() {
    asking = new AbortController();
    const { signal } = asking;
    try {
      const parts = elements(await ask("/quote", { method: "POST", body: body(), signal }));
      if (!signal.aborted) paintAnswer(Object.fromEntries(parts.map((part) => [part.dataset.part, part])));
    } catch { /* without an answer, what is known here stands; sending tells more */ }
  }
  function paintAnswer({ quote: line, problems: found, sent }) {
    wrong = "bad" in line.dataset;
    if (!atOnce(0)) $("#quote").replaceChildren(...line.childNodes);
    $("#quote").toggleAttribute("data-bad", wrong);
    if (+line.dataset.price) price = +line.dataset.price;
    paintReady();
    said = "";
    $("#problems").replaceChildren(...found.childNodes);
    paintTold(sent);
  }
  function paintTold(sent) {
    $(".sent__in").replaceChildren(...(sent ? sent.childNodes : []));
    $("[data-sentcount]").textContent = sent ? sent.dataset.count : t("nothing yet");
  }

  /* ---- shape, size, quality: offered where the model obeys ---- */
  const obeyed = (name) => effective().obeys[name];
  function options() {
    const chosen = OPTIONS.filter(obeyed).map((name) => [name, form.elements[name].value]);
    return Object.fromEntries(chosen.filter(([, value]) => value));
  }
  function paintOptions() {
    for (const name of OPTIONS) {
      const offered = obeyed(name);
      form.querySelector(`[data-option=${name}]`).hidden = !offered;
      for (const option of form.elements[name].options) option.disabled = Boolean(option.value) && offered !== "any" && !offered.split(" ").includes(option.value);
      if (form.elements[name].selectedOptions[0]?.disabled) form.elements[name].value = "";
    }
    delete $("#shape").dataset.idle;
    $("#shape").hidden = !OPTIONS.some(obeyed);
    $("[data-shapenow]").textContent = Object.entries(options()).map(([name]) => form.elements[name].selectedOptions[0].textContent).join(" · ") || t("as the model likes");
  }
  function update() {
    const found = problems();
    const n = points(prompt.value);
    paintMirror($(".prompt__mirror"), prompt.value, refs.length);
    refs.paint(new Set(cites(prompt.value).map(([, k]) => k)), prompt);
    $("[data-refcount]").textContent = refs.length;
    $("[data-refmax]").textContent = effective().refs;
    paintOptions();
    paintModels();
    others.paint(model.id);
    $("[data-count]").textContent = `${n.toLocaleString("en")} / ${limit.toLocaleString("en")}`;
    $("[data-count]").toggleAttribute("data-over", n > limit);
    paintProblems(found);
    paintQuote(found.length);
    if (!restoring) keep();
  }

  /* ---- the draft ---- */
  function keep() {
    const switches = [...form.querySelectorAll(".toggles input:checked")].map((box) => box.name);
    const draft = JSON.stringify({ prompt: prompt.value, template: form.elements.template.value, switches, model: model.id, also: others.chosen(), n: times, options: options(), refs: refs.kept() });
    sessionStorage.setItem(DRAFT, draft); // this window's, whatever is written in another
    localStorage.setItem(DRAFT, draft); // the last, for a new window and after a crash
    $("[data-saved]").hidden = !prompt.value;
  }
  // The strip alone moves, not the page.
  function bringIntoView(radio) {
    const [strip, label] = [radio.closest(".strip"), radio.parentElement];
    if (radio.value) strip.scrollLeft = label.offsetLeft - strip.offsetLeft - (strip.clientWidth - label.offsetWidth) / 2;
  }
  async function fill({ prompt: text = "", template: slug = "", switches = [], model: id, also = [], n = 1, options: wanted = {}, refs: pictures_ = [] }) {
    prompt.value = text;
    const radio = form.querySelector(`[name=template][value="${CSS.escape(slug)}"]`) ?? form.querySelector("[name=template][value='']");
    radio.checked = true;
    bringIntoView(radio);
    for (const box of form.querySelectorAll(".toggles input")) box.checked = switches.includes(box.name);
    const row = rows.find((each) => each.dataset.id === id);
    if (row) choose(row, false);
    others.choose(also);
    setTimes(n);
    for (const name of OPTIONS) form.elements[name].value = wanted[name] ?? "";
    await refs.restore(pictures_);
  }
  async function vary(id, instead) {
    try {
      const sent = JSON.parse(await ask(`/tasks/${id}/request`));
      const files = [sent.file, ...(sent.files ?? [])].filter(Boolean);
      await fill({ prompt: sent.prompt, template: (sent.template ?? "").replaceAll("-", "_"), switches: SWITCHES.filter((name) => sent[name]), model: instead ?? sent.model_version, n: sent.n, options: sent, refs: files.map((file) => ({ name: file.url ?? t("a reference"), file, thumb: null })) });
      open(true);
      prompt.focus();
      toast(t("Its words, pictures and model are in the composer."));
      return true;
    } catch (error) { refused(error); return false; }
  }
  const earlier = earlierPrompts;
  function remember() {
    const text = prompt.value.trim();
    if (text) localStorage.setItem(EARLIER, JSON.stringify([text, ...earlier().filter((each) => each !== text)].slice(0, MOST_EARLIER)));
    recalled = -1;
  }
  function recall(by) {
    const all = earlier();
    if (!all.length) { toast(t("There are no earlier prompts on this device.")); return; }
    recalled = (recalled + by + all.length) % all.length;
    edit(all[recalled]);
  }

  /* ---- the model ---- */
  function choose(row, then = true) {
    if (row.dataset.is === "off") return;
    for (const other of rows) other.setAttribute("aria-selected", String(other === row));
    model = facts(row);
    $("[data-model]").textContent = model.name;
    $("[data-modelsub]").textContent = [t("{n} credits", { n: model.credits }), model.refs ? t("up to {n} pictures", { n: model.refs }) : t("from words alone"), ...(model.by ? [t("made by {vendor}", { vendor: model.by })] : [])].join(" · ");
    $("[data-dot]").dataset.is = model.is;
    document.getElementById("models").hidePopover?.();
    if (then) update();
  }
  document.getElementById("models").addEventListener("click", (event) => { const row = event.target.closest(".model:not([aria-disabled=true])"); if (row) choose(row); });

  // A model that does not take the pictures given cannot be chosen, and says why; the one that is chosen is a problem.
  function paintModels() {
    if (judged === refs.length) return; // not at every key
    judged = refs.length;
    for (const row of rows) {
      const { name, refs: most, successor, is } = facts(row);
      const instead = successor && refs.length ? rows.find((each) => each.dataset.id === successor) : null;
      const why = instead ? t("with pictures, {model} runs instead", { model: instead.dataset.name }) : refs.length <= most ? "" : most ? t("{model} takes {n} pictures, you have {m}.", { model: name, n: most, m: refs.length }) : t("{model} takes no pictures", { model: name });
      if (is !== "off") row.setAttribute("aria-disabled", String(Boolean(why) && !instead));
      row.querySelector("small").textContent = is !== "off" && why ? why : row.dataset.say;
    }
  }

  function setTimes(n) {
    times = Math.max(1, Math.min(10, n));
    $("[data-n]").textContent = times;
  }

  /* ---- sending ---- */
  let sending = false;
  let send = crypto.randomUUID();
  function body(id = model.id) {
    const all = new FormData();
    const once = id === model.id ? send : `${send}.${id}`; // a key for each model's task
    for (const [name, value] of [["prompt", prompt.value], ["template", form.elements.template.value], ["model", id], ["n", times], ["send", once], ...Object.entries(options())]) all.append(name, value);
    for (const box of form.querySelectorAll(".toggles input:checked")) all.append(box.name, "on");
    for (const file of refs.files) all.append("reference", JSON.stringify(file));
    return all;
  }
  async function submit() {
    if (sending) return;
    if ($("#send").getAttribute("aria-disabled") === "true") { ($(".problem button") ?? (others.bad() ? $("#also summary") : prompt)).focus(); return; }
    sending = true;
    $("#send").setAttribute("aria-busy", "true");
    try {
      for (const id of [...others.chosen(), model.id]) {
        const [card] = elements(await ask("/tasks", { method: "POST", body: body(id) }));
        document.dispatchEvent(new CustomEvent("limner:new", { detail: [card] }));
      }
      remember();
      send = crypto.randomUUID();
      open(false);
    } catch (error) {
      if (error.status) { said = error.html; $("#problems").replaceChildren(...elements(error.html)); send = crypto.randomUUID(); } else toast(t("The server did not answer. Your draft is kept: press Make again, nothing is made twice."));
    } finally {
      sending = false;
      $("#send").removeAttribute("aria-busy");
    }
  }

  /* ---- wiring ---- */
  prompt.addEventListener("input", update);
  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  form.addEventListener("click", (event) => {
    const by = +event.target.closest("[data-times]")?.dataset.times;
    if (by) { setTimes(times + by); update(); }
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act === "pick") $("#files").click();
    if (act === "recall") recall(1);
    if (act === "url") document.getElementById("address").showModal();
  });
  document.getElementById("address").addEventListener("close", ({ target }) => {
    const url = target.querySelector("input").value.trim();
    if (target.returnValue === "add" && url) refs.address(url);
    target.querySelector("input").value = "";
  });
  prompt.addEventListener("keydown", (event) => {
    if (event.altKey && /^[1-9]$/.test(event.key) && +event.key <= refs.length) { event.preventDefault(); refs.cite(+event.key); }
    if (event.key === "ArrowUp" && (!prompt.value || earlier()[recalled] === prompt.value)) { event.preventDefault(); recall(1); }
  });
  form.addEventListener("keydown", (event) => { if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { event.preventDefault(); submit(); } });
  $("#files").addEventListener("change", (event) => {
    const [chosen, place] = [[...event.target.files], replacing];
    event.target.value = "";
    replacing = null;
    if (place !== null && chosen.length === 1 && place < refs.length) refs.upload(chosen[0], place); else refs.take(chosen);
  });
  $("#files").addEventListener("cancel", () => { replacing = null; });
  document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) { event.preventDefault(); refs.take(event.clipboardData.files); } });
  document.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) { event.preventDefault(); $(".prompt").dataset.drag = ""; } });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) delete $(".prompt").dataset.drag; });
  document.addEventListener("drop", (event) => { delete $(".prompt").dataset.drag; if (event.dataTransfer.files.length) { event.preventDefault(); refs.take(event.dataTransfer.files); } });
  document.addEventListener("limner:ref", ({ detail }) => refs.picture(detail.id, detail.src));
  document.addEventListener("limner:write", ({ detail }) => { open(true); edit(detail); });
  document.addEventListener("limner:vary", ({ detail }) => vary(detail.id, detail.model));
  // The request again, with another picture in the place of the one that could not be used.
  document.addEventListener("limner:replace", async ({ detail }) => { if (await vary(detail.id)) { replacing = detail.number - 1; $("#files").click(); } });

  const grab = $(".composer__grab");
  function open(on) {
    form.toggleAttribute("data-up", on);
    document.body.toggleAttribute("data-sheet", on);
    grab.setAttribute("aria-expanded", String(on));
    grab.setAttribute("aria-label", on ? t("Close the composer") : t("Open the composer"));
  }
  grab.addEventListener("click", () => open(!form.hasAttribute("data-up")));
  prompt.addEventListener("focus", () => open(true));
  document.addEventListener("pointerdown", (event) => { if (!form.contains(event.target) && !event.target.closest("[popover], dialog")) open(false); });
  $("#sent").open = innerHeight > 1150 && innerWidth > 768;

  async function begin() {
    const asked = new URLSearchParams(location.search);
    choose(rows.find((row) => row.getAttribute("aria-selected") === "true"), false);
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? localStorage.getItem(DRAFT) ?? "{}");
    if (prompt.value) draft.prompt = prompt.value; // typed before this script ran
    await fill(draft).catch(() => { sessionStorage.removeItem(DRAFT); localStorage.removeItem(DRAFT); });
    restoring = false;
    update();
    const named = asked.has("template") && form.querySelector(`[name=template][value="${CSS.escape(asked.get("template"))}"]`);
    if (named) { named.checked = true; bringIntoView(named); update(); }
    if (asked.has("prompt")) edit(asked.get("prompt"));
    if (asked.has("vary")) await vary(asked.get("vary"));
    if (asked.has("ref")) {
      const src = document.querySelector(`#task-${CSS.escape(asked.get("ref"))} .card__pic img`)?.src;
      const picture = asked.get("picture");
      refs.picture(asked.get("ref"), (picture ? null : src) ?? `${root}/pictures/${asked.get("ref")}/thumb?name=${picture ?? ""}`, picture);
    }
    if (asked.size) history.replaceState(null, "", location.pathname);
  }
  return begin();
}
