/**
 * The manifests of the local repository at a ref, or as they lie in the working tree. Blobs are read from the object store:
 * nothing is checked out, no link is followed, no hook runs and the network is never asked.
 */
import { existsSync, lstatSync, readFileSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { FairleadError } from '../base/error.ts';
import { redact } from '../base/redact.ts';
import { sha256 } from '../base/hash.ts';
import type { SourceFile } from '../manifest/workspace.ts';
import type { Clock } from '../ports/clock.ts';
import { isManifestPath } from '../sources/folder-scan.ts';
import { Git, GitFailed } from '../sources/git/git.ts';
import { ObjectStore } from '../sources/git/objects.ts';
import { contentProblem, isRegular, treeProblems, type TreeEntry } from '../sources/git/tree.ts';
import { usage } from './errors.ts';

/** What `--to` calls the files as they are now, committed or not. */
export const workingTree = 'WORKTREE';

/** Larger files are handed out cut at this length, for the compiler to refuse. */
const maxFileBytes = 8 * 1024 * 1024;
const timeoutMs = 60_000;

/** The manifests of one state of the repository. */
export interface RefState {
  /** As it was asked for: `origin/main`, `WORKTREE`. */
  readonly ref: string;
  /** Its whole id; null for the working tree. */
  readonly commit: string | null;
  /** By path from the root of the repository. */
  readonly files: readonly SourceFile[];
}

export class LocalRepository {
  /** The top folder; of a bare repository the repository itself. */
  readonly root: string;
  readonly #bare: boolean;
  readonly #objects: ObjectStore;
  /** Blob id → its bytes, cut: both refs have most of them in common. */
  readonly #blobs = new Map<string, Uint8Array>();

  private constructor(root: string, gitDir: string, clock: Clock) {
    this.root = root;
    this.#bare = root === gitDir;
    this.#objects = new ObjectStore(new Git(root, clock), gitDir, timeoutMs);
  }

  /** The repository that holds this folder. Throws NotFound when none does. */
  static open(folder: string, clock: Clock): LocalRepository {
    for (let root = resolve(folder); ; root = dirname(root)) {
      const gitDir = join(root, '.git');
      if (existsSync(gitDir)) return new LocalRepository(root, gitDir, clock);
      if (existsSync(join(root, 'HEAD')) && existsSync(join(root, 'objects'))) return new LocalRepository(root, root, clock);
      if (dirname(root) === root) break;
    }
    throw new FairleadError('NotFound', `${resolve(folder)} is not in a git repository.`, {
      data: { next: 'run this in a clone, or name one with --repo' },
    });
  }

  /** Where `to` left the default branch of origin: the state that a pull request is compared with. */
  async mergeBase(to: string): Promise<string> {
    const tip = await this.#commitOf(to === workingTree ? 'HEAD' : to);
    const main = await this.#objects.commitId('refs/remotes/origin/HEAD');
    if (main === null)
      throw new FairleadError('NotFound', 'Which branch is the default one of origin is not known here.', {
        data: { next: 'say what to compare with: --from origin/main (or once: git remote set-head origin --auto)' },
      });
    const bases = await this.#text(['merge-base', main, tip]);
    return bases.split('\n')[0]!.trim();
  }

  /** The manifests under `paths` at that ref. Throws Usage for what is no ref, NotFound for one that is not here. */
  async state(ref: string, paths: readonly string[]): Promise<RefState> {
    for (const path of paths) checkPath(path);
    if (ref === workingTree) return { ref, commit: null, files: await this.#working(paths) };
    const commit = await this.#commitOf(ref);
    const entries = await this.#read(async () => this.#objects.tree(commit, paths));
    const problems = treeProblems(entries);
    const manifests = entries.filter((entry) => isManifestPath(entry.path) && isRegular(entry) && !problems.has(entry.path));
    await this.#load(manifests);
    return { ref, commit, files: [...manifests.map(({ path, id }) => fileOf(path, this.#blobs.get(id)!)), ...unreadable(problems)] };
  }

  async #commitOf(ref: string): Promise<string> {
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    if (ref === '' || ref.startsWith('-') || /[\u0000-\u0020\u007f:]/.test(ref))
      throw usage(`${JSON.stringify(ref)} is no ref.`, 'name a commit, a branch or a tag: --from origin/main --to HEAD');
    const commit = await this.#read(async () => this.#objects.commitId(ref));
    if (commit !== null) return commit;
    throw new FairleadError('NotFound', `There is no commit ${ref} in ${this.root}.`, {
      data: { next: 'fetch it first; in CI fetch the history too (GitHub: fetch-depth: 0, GitLab: GIT_DEPTH: 0)' },
    });
  }

  async #load(entries: readonly TreeEntry[]): Promise<void> {
    const ids = entries.map(({ id }) => id).filter((id) => !this.#blobs.has(id));
    const sizes = await this.#read(async () => this.#objects.sizes(ids));
    const missing = entries.find(({ id }) => !sizes.has(id) && !this.#blobs.has(id));
    if (missing !== undefined)
      throw new FairleadError('NotFound', `The contents of ${missing.path} are not in this clone.`, {
        data: { next: 'fetch them: a clone with --filter has left them out' },
      });
    await this.#read(async () =>
      this.#objects.blobs(sizes, (id, bytes) => {
        this.#blobs.set(id, Uint8Array.from(bytes.subarray(0, maxFileBytes)));
      }),
    );
  }

  /** Tracked files and those that are new, but not ignored. */
  async #working(paths: readonly string[]): Promise<SourceFile[]> {
    if (this.#bare) throw usage(`${this.root} is a bare repository: it has no working tree.`, 'name a ref with --to');
    const within = paths.includes('.') ? [] : paths;
    const listing = await this.#text(['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...within]);
    const entries = [...new Set(listing.split('\0'))].flatMap((path) => this.#entryOf(path));
    const problems = treeProblems(entries);
    const manifests = entries.filter((entry) => isManifestPath(entry.path) && isRegular(entry) && !problems.has(entry.path));
    return [
      ...manifests.map(({ path }) => fileOf(path, readFileSync(join(this.root, path)).subarray(0, maxFileBytes))),
      ...unreadable(problems),
    ];
  }

  /** None where nothing is any more, or something that no commit could hold. */
  #entryOf(path: string): TreeEntry[] {
    if (path === '') return [];
    const stat = this.#statOf(path);
    if (stat?.isSymbolicLink() === true) return [{ path, kind: 'link', id: '' }];
    if (stat?.isFile() === true) return [{ path, kind: 'file', id: '' }];
    return stat?.isDirectory() === true && existsSync(join(this.root, path, '.git')) ? [{ path, kind: 'submodule', id: '' }] : [];
  }

  #statOf(path: string): Stats | null {
    // A folder on the way that is a link leads out of what git listed.
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1)
      if (lstatSync(join(this.root, ...parts.slice(0, depth)), { throwIfNoEntry: false })?.isDirectory() !== true) return null;
    return lstatSync(join(this.root, path), { throwIfNoEntry: false }) ?? null;
  }

  #text(args: readonly string[]): Promise<string> {
    return this.#read(async () => this.#objects.text(args));
  }

  async #read<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (thrown) {
      if (!(thrown instanceof GitFailed)) throw thrown;
      const said = thrown.words.split('\n').find((line) => /^(fatal|error): /.test(line)) ?? thrown.words.split('\n')[0]!;
      throw new FairleadError('Internal', `git could not read ${this.root}: ${redact(said.slice(0, 300)) || thrown.message}`, {
        cause: thrown,
        data: { next: 'try `git fsck` there' },
      });
    }
  }
}

function checkPath(path: string): void {
  const parts = path.split('/');
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  const bad = path.startsWith('-') || /[\u0000-\u001f\\]/.test(path) || parts.some((part) => part === '' || part === '..' || part === '.');
  if (bad && path !== '.')
    throw usage(`${JSON.stringify(path)} is no path inside the repository.`, 'write it from the top folder: --path deploy/services');
}

function fileOf(path: string, bytes: Uint8Array): SourceFile {
  const problem = contentProblem(bytes);
  return problem === null ? { path, bytes } : unreadableFile(path, problem);
}

function unreadable(problems: ReadonlyMap<string, string>): SourceFile[] {
  return [...problems].map(([path, problem]) => unreadableFile(path, problem));
}

function unreadableFile(path: string, problem: string): SourceFile {
  return { path, bytes: new Uint8Array(), problem, hash: sha256(`unreadable: ${problem}`) };
}
