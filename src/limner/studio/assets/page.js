// What every module needs to know of the page: where the Studio is, and how to ask the server.
const { root, assets, csrf } = document.documentElement.dataset;
const said = JSON.parse(document.body.dataset.texts ?? "{}");
const NS = "http://www.w3.org/2000/svg";

export { root, assets, csrf };

// To the sign-in page and back here. A reload would be answered for two seconds more, while the server remembers the key.
export function toSignIn() {
  const path = location.pathname.slice(root.length);
  location.assign(`${root}/sign-in${path ? `?to=${encodeURIComponent(path)}` : ""}`);
}

// A sentence in the reader's language; `{name}` is replaced by the value of that name.
export function t(sentence, values = {}) {
  return (said[sentence] ?? sentence).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export class Refused extends Error {
  // The server's answer, a sentence as HTML; `status` is 0 when there was no answer.
  constructor(status, html) { super(html); this.status = status; this.html = html; }
}

// Asks the server with the page's token. Answers text; throws `Refused`. Signed out, it goes to the sign-in page.
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  let answer;
  try {
    answer = await fetch(root + path, { method, body, headers: { "hx-request": "true", "x-csrf-token": csrf, ...headers }, signal });
  } catch {
    throw new Refused(0, "");
  }
  if (answer.status === 401 && !("ended" in document.documentElement.dataset)) { location.href = answer.headers.get("HX-Redirect") ?? `${root}/sign-in`; return new Promise(() => {}); }
  const text = await answer.text();
  if (answer.status >= 500) document.dispatchEvent(new CustomEvent("limner:refused"));
  if (!answer.ok) throw new Refused(answer.status, text);
  return text;
}

// The elements of a fragment.
export function elements(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return [...holder.content.children];
}

export function icon(name) {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(NS, "use");
  use.setAttribute("href", `${assets}/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

export function element(tag, props = {}, ...inside) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...inside);
  return node;
}

// The prompts that were sent from this device, the newest first.
export const EARLIER = "limner.prompts";
export const earlierPrompts = () => JSON.parse(localStorage.getItem(EARLIER) ?? "[]");

export function cookie(name, value) {
  document.cookie = `${name}=${value}; path=${root}; max-age=31536000; samesite=strict`;
}
