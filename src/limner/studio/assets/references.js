// The reference pictures: numbered in the order they are sent. A tile uploads its picture at once.
import { ask, element, elements, icon, t } from "./page.js";
import { toast } from "./floating.js";

const MOST = 10;
const THUMB = 152;

export class References {
  // `changed(renumbering)` is called after each change; renumbering maps old numbers to new ones.
  constructor(list, { changed, pick, cite, say }) {
    Object.assign(this, { list, changed, pick, cite, say, items: [] });
  }

  get length() { return this.items.length; }
  get ready() { return this.items.every((each) => each.file); }
  get files() { return this.items.map((each) => each.file); }

  /* ---- adding ---- */
  async take(files) {
    const good = [...files].filter((file) => /^image\/(png|jpeg|webp)$/.test(file.type));
    if (good.length < files.length) toast(t("Only JPEG, PNG and WebP can be used."));
    if (good.length) toast(good.length === 1 ? t("It is image[{n}].", { n: this.length + 1 }) : t("They are image[{n}] to image[{m}].", { n: this.length + 1, m: this.length + good.length }));
    await Promise.all(good.map((file) => this.upload(file)));
  }
  // `at` is the place of the picture that it replaces; without one it comes after all others.
  async upload(file, at = this.length) {
    const item = { src: URL.createObjectURL(file), name: file.name || "pasted", file: null };
    const replaced = this.items[at];
    this.set([...this.items.slice(0, at), item, ...this.items.slice(at + 1)]);
    const form = new FormData();
    form.append("file", file, item.name);
    try {
      const { token, type } = JSON.parse(await ask("/uploads", { method: "POST", body: form }));
      item.file = { type: type.split("/")[1].replace("jpeg", "jpg"), file_token: token };
      item.media = type;
      item.thumb = await thumbnail(file);
    } catch (error) {
      this.items = this.items.flatMap((each) => (each !== item ? [each] : replaced ? [replaced] : []));
      this.say(error.status ? elements(error.html) : [element("p", { className: "problem" }, icon("circle-alert"), element("span", { textContent: t("{name} did not reach the server. Add it again.", { name: item.name }) }))]);
    }
    this.painted = null;
    this.changed({});
  }
  address(url) {
    this.set([...this.items, { src: null, name: url, file: { type: "jpg", url } }]);
    toast(t("It is image[{n}].", { n: this.length }));
  }
  // A picture of an earlier task, by its id and name, by default the first: the server has it already.
  picture(id, src, picture) {
    this.set([...this.items, { src, name: t("an earlier picture"), file: { task_id: id, ...(picture ? { picture } : {}) } }]);
    toast(t("It is image[{n}].", { n: this.length }));
  }

  /* ---- order ---- */
  move(from, to, prompt) {
    if (to < 0 || to >= this.length || from === to) return;
    const [old, text] = [this.items, prompt.value];
    const order = old.map((_, i) => i);
    order.splice(to, 0, ...order.splice(from, 1));
    this.set(order.map((i) => old[i]), Object.fromEntries(order.map((was, now) => [was + 1, now + 1])));
    if (prompt.value !== text) toast(t("The numbers in your prompt moved along."), () => { prompt.value = text; this.set(old); });
  }
  remove(i, prompt) {
    const [old, text] = [this.items, prompt.value];
    this.set(old.filter((_, k) => k !== i), Object.fromEntries(old.map((_, k) => k).filter((k) => k > i).map((k) => [k + 1, k])));
    toast(t("Picture {n} taken out.", { n: i + 1 }), () => { prompt.value = text; this.set(old); });
  }
  set(items, renumbering = {}) {
    this.items = items;
    this.changed(renumbering);
  }

  /* ---- drawing ---- */
  paint(cited, prompt) {
    if (this.painted === this.items) { [...this.list.children].forEach((li, i) => li.classList.toggle("is-cited", cited.has(i + 1))); return; }
    this.painted = this.items;
    const add = element("button", { type: "button", className: "ref ref--add" }, icon("plus"), element("span", { textContent: t("Add") }));
    add.addEventListener("click", this.pick);
    this.list.replaceChildren(...this.items.map((each, i) => this.tile(each, i, cited.has(i + 1), prompt)), ...(this.length < MOST ? [element("li", {}, add)] : []));
  }
  tile(item, i, cited, prompt) {
    const li = element("li", { className: `ref${cited ? " is-cited" : ""}${item.file ? "" : " is-busy"}`, draggable: true, title: t("{name}: drag to reorder", { name: item.name }) });
    const badge = element("button", { type: "button", className: "num-badge", textContent: i + 1, title: `${t("Write image[{n}]", { n: i + 1 })} (Alt ${i + 1})` });
    badge.setAttribute("aria-label", t("Picture {n}, {name}: write image[{n}] at the cursor. Alt with arrow keys moves it.", { n: i + 1, name: item.name }));
    badge.addEventListener("click", () => this.cite(i + 1));
    badge.addEventListener("keydown", (event) => {
      const by = event.altKey && { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) { event.preventDefault(); this.move(i, i + by, prompt); this.list.children[Math.max(0, Math.min(this.length - 1, i + by))]?.querySelector("button")?.focus(); }
      if (event.key === "Delete") this.remove(i, prompt);
    });
    const x = element("button", { type: "button", className: "ref__x" }, icon("x"));
    x.setAttribute("aria-label", t("Remove picture {n}", { n: i + 1 }));
    x.addEventListener("click", () => this.remove(i, prompt));
    const shown = item.src ? element("img", { src: item.src, alt: item.name, width: 76, height: 76 }) : element("span", { className: "ref__address" }, icon("globe"));
    li.append(shown, badge, x);
    li.addEventListener("dragstart", (event) => { event.dataTransfer.setData("text/limner-ref", i); event.dataTransfer.effectAllowed = "move"; li.dataset.dragging = ""; });
    li.addEventListener("dragend", () => delete li.dataset.dragging);
    li.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("text/limner-ref")) { event.preventDefault(); li.dataset.drop = ""; } });
    li.addEventListener("dragleave", () => delete li.dataset.drop);
    li.addEventListener("drop", (event) => { const from = event.dataTransfer.getData("text/limner-ref"); if (from !== "") { event.preventDefault(); event.stopPropagation(); this.move(+from, i, prompt); } });
    return li;
  }

  /* ---- the draft ---- */
  kept() { return this.items.filter((each) => each.file).map(({ name, file, media, thumb, src }) => ({ name, file, media, thumb, src: file.task_id ? src : null })); }
  async restore(kept) {
    this.set(await Promise.all(kept.map(async (each) => ({ ...each, src: each.thumb ? URL.createObjectURL(bytes(each.thumb)) : each.src }))));
  }
}

async function thumbnail(file) {
  const bitmap = await createImageBitmap(file, { resizeWidth: THUMB, resizeQuality: "medium" }).catch(() => null);
  if (!bitmap) return null;
  const canvas = element("canvas", { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.toDataURL("image/webp", 0.8).split(",")[1];
}

function bytes(base64) {
  return new Blob([Uint8Array.from(atob(base64), (each) => each.charCodeAt(0))], { type: "image/webp" });
}
