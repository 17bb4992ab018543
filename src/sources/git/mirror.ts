/**
 * The bare repository under the data directory that holds what was fetched: one commit deep, one ref. It has no
 * configuration of its own that matters, no work tree and no remote but the one that each command is told.
 */
import { access, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../ports/clock.ts';
import { gitEnvironment, type Remote } from './environment.ts';
import { explainFailure, isDamage } from './failure.ts';
import { Git, GitFailed } from './git.ts';
import type { Commit } from './commit.ts';
import { ObjectStore } from './objects.ts';

/** Where what is fetched lands, and what keeps the commit that was handed out last from being swept away. */
const incoming = 'refs/fairlead/incoming';
const applied = 'refs/fairlead/applied';

/** How often the size of what comes in is looked at, ms. */
const watchMs = 100;

/** Most of a list of refs that is read: some 400,000 of them. */
const maxListBytes = 32 * 1024 * 1024;

/** How deep the history is looked into for the commit applied last; null: all of it. */
const historyDepths: readonly (number | null)[] = [64, null];

export interface Limits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface Fetched {
  readonly commit: Commit;
  /** The tag object that led to it, where there is one. */
  readonly tag: string | null;
}

interface ReceiveOptions {
  readonly input?: string;
  readonly config?: readonly (readonly [string, string])[];
}

export class Mirror {
  readonly #folder: string;
  readonly #gitDir: string;
  readonly #git: Git;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly objects: ObjectStore;

  /** `folder`: absolute, there before `open`, and this mirror's alone. `signal` ends what is under way. */
  constructor(folder: string, clock: Clock, limits: Limits, signal: AbortSignal) {
    this.#folder = folder;
    this.#gitDir = join(folder, 'mirror.git');
    this.#clock = clock;
    this.#limits = limits;
    this.#git = new Git(folder, clock, signal);
    this.objects = new ObjectStore(this.#git, this.#gitDir, limits.timeoutMs);
  }

  /** Makes the repository where there is none. */
  async open(): Promise<void> {
    const there = await access(join(this.#gitDir, 'HEAD')).then(
      () => true,
      () => false,
    );
    if (!there) await this.#make(this.#gitDir);
  }

  /** Forgets everything: the next fetch begins anew. */
  async discard(): Promise<void> {
    await clear(this.#gitDir);
    await this.open();
  }

  /** Ref → id for those that match (whole names, or ending in `*`); of an annotated tag also `<ref>^{}`, the commit it is of. */
  async remoteRefs(remote: Remote, patterns: readonly string[]): Promise<Map<string, string>> {
    const refs = new Map<string, string>();
    for (const line of (await this.#ask(remote, ['ls-remote', 'origin', ...patterns])).split('\n')) {
      const [id, ref] = line.split('\t');
      if (ref !== undefined && id !== undefined) refs.set(ref, id);
    }
    return refs;
  }

  /** Fetches that ref (or commit) one deep; which commit it turned out to be, and by which tag. `blobless`: trees only, where the server can. */
  async fetch(remote: Remote, ref: string, blobless: boolean): Promise<Fetched> {
    const filter = blobless ? ['--filter=blob:none'] : [];
    await this.#receive(remote, this.#gitDir, ['--depth=1', ...filter, 'origin', `+${ref}:${incoming}`]);
    const ids = await this.objects.text(['rev-parse', incoming, `${incoming}^{commit}`]).catch((thrown) => {
      throw new Error(`${ref} is no commit`, { cause: thrown });
    });
    const [id = '', commit = ''] = ids.split('\n');
    return { commit: await this.objects.commit(commit), tag: id === commit ? null : id };
  }

  /** Fetches blobs that a blobless fetch left out. */
  async fetchBlobs(remote: Remote, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    // Told of the commits that are here, the server would take the blobs to be here too.
    const config = [['fetch.negotiationAlgorithm', 'noop']] as const;
    await this.#receive(remote, this.#gitDir, ['--filter=blob:none', '--stdin', 'origin'], { input: `${ids.join('\n')}\n`, config });
  }

  /**
   * Moves a branch of the server's from the commit `from` (null: it must not be there) to the commit, whose parent `from` is; else
   * leaves it as it is. A lease alone: nothing is ever forced. Rejects with GitFailed.
   */
  async push(remote: Remote, commit: string, ref: string, from: string | null): Promise<void> {
    const args = ['push', '--no-recurse-submodules', `--force-with-lease=${ref}:${from ?? ''}`, 'origin', `${commit}:${ref}`];
    await this.#git.exchange(args, { env: gitEnvironment(this.#gitDir, remote), timeoutMs: this.#limits.timeoutMs });
  }

  /** Keeps the commit or tag, with all that it needs, when old objects are swept away. */
  async keep(id: string): Promise<void> {
    await this.objects.text(['update-ref', applied, id]);
  }

  /**
   * Whether the commit, which `ref` is now, follows from `from`. Its parents tell most often; else its history is fetched to look,
   * without files where the server can leave them out, into a repository that is thrown away.
   */
  async follows(remote: Remote, ref: string, from: string, { id: to, parents }: Commit): Promise<boolean> {
    if (from === to || parents.includes(from)) return true;
    const gitDir = join(this.#folder, 'history.git');
    try {
      await this.#make(gitDir);
      const history = new ObjectStore(this.#git, gitDir, this.#limits.timeoutMs);
      for (const depth of historyDepths) {
        await this.#receive(remote, gitDir, [
          '--filter=tree:0',
          ...(depth === null ? ['--unshallow'] : [`--depth=${depth}`]),
          'origin',
          `+${ref}:${incoming}`,
        ]);
        if (await isAncestor(history, from, to)) return true;
        if ((await history.text(['rev-parse', '--is-shallow-repository'])).trim() === 'false') return false;
      }
      return false;
    } finally {
      await clear(gitDir);
    }
  }

  async #make(gitDir: string): Promise<void> {
    await clear(gitDir);
    await mkdir(gitDir, { recursive: true, mode: 0o700 });
    const env = gitEnvironment(null, null);
    await this.#git.text(['init', '--quiet', '--bare', '--initial-branch=none', '--', gitDir], { env, timeoutMs: this.#limits.timeoutMs });
  }

  async #ask(remote: Remote, args: readonly string[]): Promise<string> {
    try {
      const { timeoutMs } = this.#limits;
      return await this.#git.exchange(args, { env: gitEnvironment(this.#gitDir, remote), timeoutMs, maxOutputBytes: maxListBytes });
    } catch (thrown) {
      throw new RemoteFailed(thrown, remote);
    }
  }

  /** A fetch that is ended when more comes in than may. */
  async #receive(remote: Remote, gitDir: string, args: readonly string[], { input, config }: ReceiveOptions = {}): Promise<void> {
    const ending = new AbortController();
    await sweep(gitDir);
    const before = await lengthOf(gitDir);
    const watch = (): void => {
      callOff = this.#clock.after(watchMs, () => {
        void lengthOf(gitDir).then((now) => {
          if (now - before > this.#limits.maxBytes) ending.abort();
          else if (!done) watch();
        });
      });
    };
    let done = false;
    let callOff = (): void => {};
    watch();
    try {
      await this.#git.exchange(['fetch', '--no-progress', '--no-tags', '--no-write-fetch-head', ...args], {
        env: gitEnvironment(gitDir, remote, config),
        timeoutMs: this.#limits.timeoutMs,
        signal: ending.signal,
        ...(input === undefined ? {} : { input }),
      });
      if ((await lengthOf(gitDir)) - before > this.#limits.maxBytes) ending.abort();
    } catch (thrown) {
      if (!ending.signal.aborted) throw new RemoteFailed(thrown, remote);
    } finally {
      done = true;
      callOff();
    }
    if (ending.signal.aborted) throw new TooLarge(this.#limits.maxBytes);
  }
}

/** An exchange with the server failed: the reason in a clause, without secrets. */
export class RemoteFailed extends Error {
  /** Objects are missing or broken, there or here. */
  readonly damaged: boolean;

  constructor(thrown: unknown, remote: Remote) {
    super(explainFailure(thrown, remote));
    this.name = 'RemoteFailed';
    this.damaged = isDamage(thrown);
  }
}

/** More than `maxBytes` would have come in. */
export class TooLarge extends Error {
  constructor(maxBytes: number) {
    super(`it has more than maxBytes (${Math.round(maxBytes / 1_048_576)} MiB); name fewer \`paths\`, or allow more`);
    this.name = 'TooLarge';
  }
}

async function isAncestor(history: ObjectStore, from: string, to: string): Promise<boolean> {
  try {
    await history.text(['merge-base', '--is-ancestor', from, to]);
    return true;
  } catch (thrown) {
    // 1: it is none; 128: one of them is not here.
    if (thrown instanceof GitFailed && thrown.ended === null) return false;
    throw thrown;
  }
}

/** Removes a repository, in which helpers of a git that was ended may write for some moments yet: while one does, it is not empty. */
function clear(gitDir: string): Promise<void> {
  return rm(gitDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

/** Removes what a fetch that was ended left of its pack. */
async function sweep(gitDir: string): Promise<void> {
  const folder = join(gitDir, 'objects', 'pack');
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((candidate) => candidate.startsWith('tmp_'))) await rm(join(folder, name), { force: true });
}

/** Bytes in a repository's packs, those that are just coming in included. */
async function lengthOf(gitDir: string): Promise<number> {
  const folder = join(gitDir, 'objects', 'pack');
  const names = await readdir(folder).catch(() => []);
  const lengths = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}
