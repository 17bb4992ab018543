/** What a git Source remembers across runs: the commit that it handed out last, and how far its exported tree is. One small file, replaced whole. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Applied {
  /** The settings that name a line of history, as text: url and ref. Under others the commit says nothing of what may come next. */
  readonly line: string;
  /** The whole name of the ref that led to it, or the commit itself. */
  readonly ref: string;
  readonly commit: string;
  /** The tag object that led to it, where there is one. */
  readonly tag: string | null;
  /** The version, of a ref that is a range of them. */
  readonly version: string | null;
}

export interface Memory {
  readonly applied: Applied | null;
  /** The commit that the exported tree is of, under which paths; null while it is on its way from one to another. */
  readonly exported: { readonly commit: string; readonly paths: readonly string[] } | null;
}

const nothing: Memory = { applied: null, exported: null };

/** Nothing, where there is no memory or none that can be understood. */
export async function readMemory(folder: string): Promise<Memory> {
  try {
    return { ...nothing, ...(JSON.parse(await readFile(join(folder, 'memory.json'), 'utf8')) as Partial<Memory>) };
  } catch {
    return nothing;
  }
}

export async function saveMemory(folder: string, memory: Memory): Promise<void> {
  const path = join(folder, 'memory.json');
  await writeFile(`${path}.tmp`, JSON.stringify(memory), { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}
