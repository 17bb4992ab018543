/** Manifests given on the command line: files, folders, or `-` for stdin. Nothing is judged here. */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { FairleadError, messageOf } from '../base/error.ts';
import { usage } from './errors.ts';
import type { Terminal } from './terminal.ts';

export interface GivenFile {
  /** Relative to the root, `/` between parts. */
  readonly path: string;
  /** Empty when it cannot be read. */
  readonly bytes: Uint8Array;
  /** Why it cannot be read: it is the compiler's to report, and keeps no other from being read. */
  readonly problem?: string;
}

export interface Given {
  /** The folder given, or the one that holds the one file given; the working directory when several were given. */
  readonly root: string;
  /** Sorted by path. */
  readonly files: readonly GivenFile[];
}

/**
 * Reads them all. Throws NotFound for a path that is not there, Usage for a folder that cannot be listed and for two files that would
 * have one name.
 */
export async function readManifests(terminal: Terminal, paths: readonly string[]): Promise<Given> {
  const absolute = paths.map((path) => (path === '-' ? '-' : resolve(terminal.cwd, path)));
  const [only] = absolute;
  const root = absolute.length > 1 || only === undefined || only === '-' ? terminal.cwd : kindOf(only) === 'folder' ? only : dirname(only);
  const found = new Map<string, string>();
  const files: GivenFile[] = [];
  const add = (name: string, path: string, contents: Omit<GivenFile, 'path'>): void => {
    const other = found.get(name);
    if (other === path) return;
    if (other !== undefined) throw usage(`${other} and ${path} would both be called ${name}.`, 'run this in a folder that holds them both');
    found.set(name, path);
    files.push({ path: name, ...contents });
  };
  const { listManifests } = await import('../sources/folder-scan.ts');
  for (const path of absolute) {
    if (path === '-') add('stdin.yaml', path, { bytes: new TextEncoder().encode(await terminal.readInput()) });
    else if (kindOf(path) === 'file') add(nameFrom(root, path), path, contentsOf(path));
    else {
      const names = await listManifests(path).catch((cause) => {
        throw new FairleadError('Usage', `${path} cannot be listed: ${messageOf(cause)}.`, {
          cause,
          data: { next: 'let it be read by you' },
        });
      });
      for (const file of names.map((name) => join(path, name))) add(nameFrom(root, file), file, contentsOf(file));
    }
  }
  return { root, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

function contentsOf(file: string): Omit<GivenFile, 'path'> {
  try {
    return { bytes: readFileSync(file) };
  } catch (thrown) {
    // The place is said beside it.
    return { bytes: new Uint8Array(), problem: messageOf(thrown).replace(/, \w+( '.*')?$/s, '') };
  }
}

function kindOf(path: string): 'file' | 'folder' {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new FairleadError('NotFound', `There is no file or folder ${path}.`, {
      data: { next: 'check the path; it is taken from the folder you are in' },
    });
  return stat.isDirectory() ? 'folder' : 'file';
}

function nameFrom(root: string, file: string): string {
  const name = relative(root, file).split(sep).join('/');
  return name.startsWith('..') ? basename(file) : name;
}
