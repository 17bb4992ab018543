/**
 * Plants a mutant: a small, named mistake in the heart, made in the text of one file as Node loads it. Nothing is
 * written. Must be called before anything of src/core is imported.
 */
import { registerHooks } from 'node:module';
import { mutants, type Mutant } from './mutants.ts';

const core = new URL('../core/', import.meta.url);

export function plant(name: string): void {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`no mutant is called ${name}`);
  const target = new URL(mutant.file, core).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== target) return loaded;
      return { ...loaded, source: mutate(String(loaded.source), mutant) };
    },
  });
}

/** The text with the mistake in it; throws when the place is not there exactly once. */
export function mutate(text: string, { name, find, replace }: Mutant): string {
  if (text.split(find).length !== 2) throw new Error(`mutant ${name} no longer applies`);
  return text.replace(find, () => replace);
}
