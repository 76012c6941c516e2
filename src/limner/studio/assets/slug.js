// The name of a new template follows its title until somebody writes another.
export function slug() {
  const [title, name] = [document.getElementById("ttitle"), document.querySelector("[data-slug]")];
  let chosen = Boolean(name.value);
  title.addEventListener("input", () => { if (!chosen) name.value = slugOf(title.value); });
  name.addEventListener("input", () => { chosen = Boolean(name.value); });
}

function slugOf(title) {
  const plain = title.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "_").replace(/^_/, "").slice(0, 60).replace(/_$/, "");
}
