// Verifies C2PA manifests with @trustnxt/c2pa-ts: one line of JSON for each file, with its state and the failures.
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

const [packages, ...files] = process.argv.slice(2);
const folder = `${packages}/node_modules/@trustnxt/c2pa-ts`;
const { exports } = JSON.parse(await readFile(`${folder}/package.json`));
const load = (name) => import(pathToFileURL(`${folder}/${exports[`./${name}`].import}`));
const [{ JPEG, PNG }, { SuperBox }, { ManifestStore }] = await Promise.all(['asset', 'jumbf', 'manifest'].map(load));

async function stateOf(file) {
  const bytes = await readFile(file);
  const asset = JPEG.canRead(bytes) ? new JPEG(bytes) : new PNG(bytes);
  const box = asset.getManifestJUMBF();
  if (!box) return { state: 'none', failures: [] };
  const result = await ManifestStore.read(SuperBox.fromBuffer(box)).validate(asset);
  const failures = result.statusEntries.filter((each) => !each.success).map((each) => each.code);
  return { state: result.isValid ? 'valid' : 'invalid', failures };
}

for (const file of files) {
  const told = await stateOf(file).catch((error) => ({ state: 'unreadable', failures: [String(error.message)] }));
  console.log(JSON.stringify({ file, ...told }));
}
