/**
 * Plants a mutant: a small, named mistake in the heart, made in the text of one file as Node loads it. Nothing is
 * written. Must be called before anything of src/core is imported.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { mutants, type Mutant } from './mutants.ts';

const core = new URL('../core/', import.meta.url);

export function plant(name: string): void {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`no mutant is called ${name}`);
  const target = new URL(mutant.file, core).href;
  const source = mutate(mutant);
  if (source === null) throw new Error(`mutant ${name} no longer applies`);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      return url === target ? { ...loaded, source } : loaded;
    },
  });
}

/** The text of its file with the mistake in it; null when the place is not there exactly once. How lines are broken does not matter. */
export function mutate({ file, find, replace }: Mutant): string | null {
  const text = readFileSync(new URL(file, core), 'utf8');
  const words = find.split(/\s+/).map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const place = new RegExp(words.join('\\s+'), 'g');
  if ([...text.matchAll(place)].length !== 1) return null;
  return text.replace(place, () => replace);
}
