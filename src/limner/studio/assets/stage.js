// Zoom and pan: wheel and pinch zoom at the pointer, drag pans, keys do both.
import { free } from "./keys.js";

export function stage() {
  const box = document.getElementById("stage");
  const image = box.querySelector("img");
  if (!image) return;
  const now = box.querySelector("[data-zoomnow]");
  const held = new Map();
  let [z, x, y] = [1, 0, 0];
  let spread = 0;

  const fit = () => Math.min(box.clientWidth / image.naturalWidth, box.clientHeight / image.naturalHeight) || 1;
  function set(nz, nx, ny) {
    z = Math.max(1, Math.min(12, nz));
    const [mx, my] = [(box.clientWidth * (z - 1)) / 2, (box.clientHeight * (z - 1)) / 2];
    x = Math.max(-mx, Math.min(mx, nx));
    y = Math.max(-my, Math.min(my, ny));
    for (const [name, value] of [["--z", z], ["--tx", `${x}px`], ["--ty", `${y}px`]]) image.style.setProperty(name, value);
    now.textContent = image.naturalWidth ? `${Math.round(z * fit() * 100)} %` : ""; // what it is of is not known before
  }
  function zoomAt(factor, cx = 0, cy = 0) {
    const k = Math.max(1, Math.min(12, z * factor)) / z;
    set(z * k, cx - (cx - x) * k, cy - (cy - y) * k);
  }
  const middle = (event) => { const r = box.getBoundingClientRect(); return [event.clientX - r.left - r.width / 2, event.clientY - r.top - r.height / 2]; };

  // How far two fingers are from one another; 0 for one.
  const apart = () => { const [a, b] = [...held.values()]; return b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0; };

  box.addEventListener("wheel", (event) => { event.preventDefault(); zoomAt(Math.exp(-event.deltaY / 400), ...middle(event)); }, { passive: false });
  box.addEventListener("pointerdown", (event) => { if (event.target.closest("button, a")) return; held.set(event.pointerId, event); spread = apart(); box.setPointerCapture(event.pointerId); });
  box.addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    held.set(event.pointerId, event);
    if (held.size === 2) {
      const [a, b] = [...held.values()];
      const wide = apart();
      if (spread) zoomAt(wide / spread, ...middle({ clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 }));
      spread = wide;
    } else set(z, x + event.clientX - last.clientX, y + event.clientY - last.clientY);
  });
  for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, (event) => { held.delete(event.pointerId); spread = 0; });
  box.addEventListener("dblclick", (event) => (z > 1 ? set(1, 0, 0) : zoomAt(1 / fit(), ...middle(event))));

  set(1, 0, 0);
  image.addEventListener("load", () => set(1, 0, 0));
  const step = (rel) => { const link = box.querySelector(`[rel=${rel}]`); if (link) location.href = link.href; };
  const DO = { in: () => zoomAt(1.4), out: () => zoomAt(1 / 1.4), fit: () => set(1, 0, 0), one: () => zoomAt(1 / fit() / z), full: () => (document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen?.()) };
  box.addEventListener("click", (event) => DO[event.target.closest("[data-zoom]")?.dataset.zoom]?.());
  const KEYS = { "+": DO.in, "=": DO.in, "-": DO.out, 0: DO.fit, 1: DO.one, f: DO.full, ArrowLeft: () => set(z, x + 60, y), ArrowRight: () => set(z, x - 60, y), ArrowUp: () => set(z, x, y + 60), ArrowDown: () => set(z, x, y - 60), j: () => step("prev"), k: () => step("next") };
  // Anywhere on the page, but arrows pan only where nothing else would take them.
  document.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || !free(event)) return;
    if (event.key.startsWith("Arrow") && !box.contains(event.target) && event.target !== document.body) return;
    event.preventDefault();
    act();
  });
}
