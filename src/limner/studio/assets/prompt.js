// The prompt's text: its length in code points, `image[n]`, emoji, and the mirror that underlines them.
import { element } from "./page.js";

export const EMOJI = /\p{Extended_Pictographic}/u;
const ALL_EMOJI = /[\p{Extended_Pictographic}\u200d\ufe0f]/gu;
const CITE = /image\s*\[(\d+)\]/gi;
const TEXT_SYMBOLS = /[©®™‼⁉]/u;

export const points = (text) => [...text.trim()].length;
export const cites = (text) => [...text.matchAll(CITE)].map(([whole, n]) => [whole, +n]);
export const withoutEmoji = (text) => text.replace(ALL_EMOJI, "");
export const firstEmoji = (text) => [...text].find((each) => EMOJI.test(each) && !TEXT_SYMBOLS.test(each));

// The same text with the numbers of its citations changed: {old: new}.
export function renumbered(text, change) {
  return text.replace(CITE, (whole, n) => (change[n] === undefined ? whole : whole.replace(n, change[n])));
}

export function paintMirror(mirror, text, pictures) {
  mirror.replaceChildren();
  let from = 0;
  for (const hit of text.matchAll(/image\s*\[(\d+)\]|\p{Extended_Pictographic}/giu)) {
    const bad = !hit[1] ? !TEXT_SYMBOLS.test(hit[0]) : +hit[1] < 1 || +hit[1] > pictures;
    mirror.append(text.slice(from, hit.index), element("mark", { className: bad ? "bad" : "", textContent: hit[0] }));
    from = hit.index + hit[0].length;
  }
  mirror.append(`${text.slice(from)}\u200b`);
}

// Writes words at the cursor, with a blank before them where one is needed.
export function insert(prompt, words) {
  const [from, to] = [prompt.selectionStart, prompt.selectionEnd];
  const before = prompt.value.slice(0, from);
  prompt.setRangeText((before && !/\s$/.test(before) ? " " : "") + words, from, to, "end");
  prompt.focus();
}
