/**
 * Writes src/model/gen/*.ts from schemas/*.schema.json, the one source of truth for validation, editors and types.
 * With --check nothing is written; exit 1 when a file is stale.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileFromFile } from 'json-schema-to-typescript';

const schemasDir = fileURLToPath(new URL('../schemas/', import.meta.url));
const generatedDir = fileURLToPath(new URL('../src/model/gen/', import.meta.url));

/** Generated module text by file name, from the schemas as they are on disk. */
export async function generateTypes(): Promise<Record<string, string>> {
  const modules: Record<string, string> = {};
  for (const name of ['service', 'service-template', 'controller', 'lock']) {
    modules[`${name}.ts`] = await compileFromFile(`${schemasDir}${name}.schema.json`, {
      cwd: schemasDir,
      bannerComment: `/** Generated from schemas/${name}.schema.json by \`npm run generate:types\`. Edit the schema, not this file. */`,
      maxItems: -1,
      ignoreMinAndMaxItems: true,
      additionalProperties: false,
      unknownAny: true,
      style: { singleQuote: true, printWidth: 140 },
    });
  }
  return modules;
}

/** Names of generated files that differ from what the schemas say. */
export async function staleTypes(): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, text] of Object.entries(await generateTypes())) {
    const present = await readFile(`${generatedDir}${name}`, 'utf8').catch(() => '');
    if (present !== text) stale.push(name);
  }
  return stale;
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const stale = await staleTypes();
    if (stale.length > 0) {
      console.error(`Stale: ${stale.join(', ')}. Run \`npm run generate:types\`.`);
      process.exitCode = 1;
    }
  } else {
    await mkdir(generatedDir, { recursive: true });
    for (const [name, text] of Object.entries(await generateTypes())) await writeFile(`${generatedDir}${name}`, text);
  }
}
