// Makes one picture, and edits one, with a published Node package whose base URL and key alone were changed.
// Arguments: a picture, and the folder for what is made. `PACKAGE` names the package, `PROMPT` the words,
// `ONLY_GENERATE` leaves the edit out. Prints the files as JSON.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { NODE_PACKAGES, PACKAGE, BASE_URL, KEY, PROMPT, ONLY_GENERATE } = process.env;
const [picture, folder] = process.argv.slice(2);
const load = createRequire(join(NODE_PACKAGES, "program.js"));

const keep = (name, bytes) => {
  const file = join(folder, `${name}.png`);
  writeFileSync(file, bytes);
  return file;
};

async function byOpenai() {
  const { OpenAI, toFile } = load("openai");
  const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY });
  const decoded = (answer) => Buffer.from(answer.data[0].b64_json, "base64");
  const made = await client.images.generate({ model: "gpt-image-1", prompt: PROMPT, size: "1536x1024" });
  const files = { generated: keep("generated", decoded(made)) };
  if (!ONLY_GENERATE) {
    const image = await toFile(readFileSync(picture), "in.png", { type: "image/png" });
    const edited = await client.images.edit({ model: "gpt-image-1", prompt: PROMPT, image });
    files.edited = keep("edited", decoded(edited));
  }
  return files;
}

async function byAiSdk(model) {
  const { generateImage } = load("ai");
  const made = await generateImage({ model, prompt: PROMPT, size: "1024x1024" });
  const files = { generated: keep("generated", made.image.uint8Array) };
  if (!ONLY_GENERATE) {
    const edited = await generateImage({ model, prompt: { text: PROMPT, images: [readFileSync(picture)] } });
    files.edited = keep("edited", edited.image.uint8Array);
  }
  return files;
}

const ways = {
  openai: byOpenai,
  "@ai-sdk/openai": () => {
    const { createOpenAI } = load("@ai-sdk/openai");
    return byAiSdk(createOpenAI({ baseURL: BASE_URL, apiKey: KEY }).image("gpt-image-1"));
  },
  "@ai-sdk/openai-compatible": () => {
    const { createOpenAICompatible } = load("@ai-sdk/openai-compatible");
    return byAiSdk(createOpenAICompatible({ name: "limner", baseURL: BASE_URL, apiKey: KEY }).imageModel("gpt-image-1"));
  },
};

console.log(JSON.stringify(await ways[PACKAGE]()));
