/**
 * Reading from an object store: trees, blobs and commits of a bare repository or of one that somebody works in. Nothing is
 * checked out and the network is never asked. Every blob's bytes are checked against its id, which the commit vouches for.
 */
import { createHash } from 'node:crypto';
import { parseCommit, type Commit } from './commit.ts';
import { gitEnvironment } from './environment.ts';
import { GitFailed, type Git } from './git.ts';
import { parseChanges, parseTree, type TreeChanges, type TreeEntry } from './tree.ts';

/** What is read in one go, so that memory holds this much and not a repository. */
const batchBytes = 16 * 1024 * 1024;

type Config = readonly (readonly [string, string])[];

interface TextOptions {
  readonly input?: string;
  readonly config?: Config;
  readonly more?: Readonly<Record<string, string>>;
}

export class ObjectStore {
  readonly #git: Git;
  readonly #gitDir: string;
  readonly #timeoutMs: number;
  readonly #config: Config;

  /** `gitDir`: the repository itself (`…/.git` or a bare one); absolute. `config`: for every command. */
  constructor(git: Git, gitDir: string, timeoutMs: number, config: Config = []) {
    this.#git = git;
    this.#gitDir = gitDir;
    this.#timeoutMs = timeoutMs;
    this.#config = config;
  }

  /** A git command that needs no network. `config` and `more` (environment) are for this command alone. */
  text(args: readonly string[], { input, config = [], more = {} }: TextOptions = {}): Promise<string> {
    const env = { ...gitEnvironment(this.#gitDir, null, [...this.#config, ...config]), ...more };
    return this.#git.text(args, { env, timeoutMs: this.#timeoutMs, ...(input === undefined ? {} : { input }) });
  }

  /** The whole id of the commit that this names; null when it names none here. */
  async commitId(name: string): Promise<string | null> {
    if (name.startsWith('-')) return null;
    try {
      return (await this.text(['rev-parse', '--verify', '--quiet', `${name}^{commit}`])).trim();
    } catch (thrown) {
      if (thrown instanceof GitFailed && thrown.ended === null) return null;
      throw thrown;
    }
  }

  async commit(id: string): Promise<Commit> {
    return parseCommit(id, await this.text(['cat-file', 'commit', id]));
  }

  async tree(commit: string, paths: readonly string[]): Promise<TreeEntry[]> {
    return parseTree(await this.text(['ls-tree', '-r', '-z', '--full-tree', commit, '--', ...within(paths)]));
  }

  async changes(from: string, to: string, paths: readonly string[]): Promise<TreeChanges> {
    return parseChanges(await this.text(['diff-tree', '-r', '-z', '--no-renames', from, to, '--', ...within(paths)]));
  }

  /**
   * Blob id → length in bytes, of those that are here; the others are left out. `partial`: some may not be, by intent; git would
   * go and fetch those, and fail, were it asked how long they are.
   */
  async sizes(ids: Iterable<string>, partial: boolean): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    const wanted = [...new Set(ids)];
    const here = partial ? await this.#here(wanted) : wanted;
    if (here.length === 0) return sizes;
    const listing = await this.text(['cat-file', '--batch-check'], { input: `${here.join('\n')}\n` });
    for (const line of listing.split('\n')) {
      const [id, type, size] = line.split(' ');
      if (type === 'blob') sizes.set(id!, Number(size));
    }
    return sizes;
  }

  /** Those of the ids that are here, at the cost of these and not of all that is here. It reads what they are of, and fetches nothing. */
  async #here(ids: readonly string[]): Promise<readonly string[]> {
    if (ids.length === 0) return [];
    const args = ['rev-list', '--objects', '--no-object-names', '--missing=print', '--ignore-missing', '--stdin'];
    const here = new Set((await this.text(args, { input: `${ids.join('\n')}\n` })).split('\n'));
    return ids.filter((id) => here.has(id));
  }

  /** Hands over each blob once, a batch at a time. Rejects when one is not here or not what its id says. */
  async blobs(sizes: ReadonlyMap<string, number>, take: (id: string, bytes: Buffer) => Promise<void> | void): Promise<void> {
    let batch: string[] = [];
    let length = 0;
    const flush = async (): Promise<void> => {
      for (const [id, bytes] of await this.#batch(batch)) await take(id, bytes);
      batch = [];
      length = 0;
    };
    for (const [id, size] of sizes) {
      if (length > 0 && length + size > batchBytes) await flush();
      batch.push(id);
      length += size;
    }
    if (batch.length > 0) await flush();
  }

  async #batch(ids: readonly string[]): Promise<[string, Buffer][]> {
    const env = gitEnvironment(this.#gitDir, null, this.#config);
    const output = await this.#git.catFile(['--batch'], { env, timeoutMs: this.#timeoutMs, input: `${ids.join('\n')}\n` });
    const blobs: [string, Buffer][] = [];
    let at = 0;
    for (const id of ids) {
      const lineEnd = output.indexOf(10, at);
      const [, type, size] = output.toString('latin1', at, lineEnd).split(' ');
      const bytes = output.subarray(lineEnd + 1, lineEnd + 1 + Number(size));
      if (type !== 'blob' || blobId(bytes, id.length) !== id)
        throw new GitFailed('cat-file', null, `fatal: object ${id} is missing or corrupt`);
      blobs.push([id, bytes]);
      at = lineEnd + 1 + bytes.length + 1;
    }
    return blobs;
  }
}

/** A blob's id: SHA-1 (40 digits) or SHA-256 (64) of `blob <length>\0<bytes>`. */
export function blobId(bytes: Uint8Array, digits: number): string {
  return createHash(digits === 40 ? 'sha1' : 'sha256')
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest('hex');
}

function within(paths: readonly string[]): readonly string[] {
  return paths.includes('.') ? [] : paths;
}
