// Plain fetch in Node: upload, create, wait, download. Arguments, environment and answer are those of tripo3d_0_4.py.

import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

const api = `${process.env.LIMNER_URL}/v2/openapi`;
const headers = { Authorization: `Bearer ${process.env.LIMNER_KEY}` };
const [picture, folder] = process.argv.slice(2);

async function call(path, options = {}) {
  const answer = await fetch(api + path, { ...options, headers: { ...headers, ...options.headers } });
  return { status: answer.status, ...(await answer.json()) };
}

function post(path, body) {
  return call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

const form = new FormData();
form.append("file", new Blob([await readFile(picture)]), basename(picture));
const { data: upload } = await call("/upload", { method: "POST", body: form });

const { data: made } = await post("/task", {
  type: "generate_image",
  prompt: "a cat in a hat",
  files: [{ type: "png", file_token: upload.image_token }],
});

let task;
for (;;) {
  ({ data: task } = await call(`/task/${made.task_id}`));
  if (task.status !== "queued" && task.status !== "running") break;
  await new Promise((resolve) => setTimeout(resolve, 200));
}

const found = await fetch(task.output.generated_image);
const file = join(folder, `${task.task_id}.png`);
await writeFile(file, Buffer.from(await found.arrayBuffer()));

const { status, code, message, suggestion } = await call("/no/such/route");
const refusal = [status, { code, message, suggestion }];
console.log(JSON.stringify({ tasks: { uploaded: { ...task, files: { image: file } } }, refusal }));
