/**
 * The manifests of the local repository at a ref, or as they lie in the working tree. No link is followed, no hook runs and
 * the network is never asked.
 */
import { existsSync, lstatSync, readFileSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { FairleadError } from '../base/error.ts';
import { redact } from '../base/redact.ts';
import type { SourceFile } from '../manifest/workspace.ts';
import type { Clock } from '../ports/clock.ts';
import { isManifestPath } from '../sources/folder-scan.ts';
import { fileOf, withProblems } from '../sources/git/contents.ts';
import { Git, GitFailed } from '../sources/git/git.ts';
import { LocalRepository } from '../sources/git/local-repository.ts';
import { ObjectStore } from '../sources/git/objects.ts';
import { isRegular, treeProblems, type TreeEntry } from '../sources/git/tree.ts';
import { usage } from './errors.ts';

/** What `--to` calls the files as they are now, committed or not. */
export const workingTree = 'WORKTREE';

const timeoutMs = 60_000;
/** A checkout in a container often belongs to another user. */
const anyOwner = [['safe.directory', '*']] as const;

/** The manifests of one state of the repository. */
export interface RefState {
  /** As it was asked for: `origin/main`, `WORKTREE`. */
  readonly ref: string;
  /** Its whole id; null for the working tree. */
  readonly commit: string | null;
  /** By path from the root of the repository. */
  readonly files: readonly SourceFile[];
}

export class Repository {
  readonly #local: LocalRepository;
  readonly #root: string;
  readonly #bare: boolean;
  readonly #objects: ObjectStore;

  private constructor(local: LocalRepository, clock: Clock) {
    this.#local = local;
    this.#root = local.root;
    this.#bare = !existsSync(join(local.root, '.git'));
    const gitDir = this.#bare ? local.root : join(local.root, '.git');
    this.#objects = new ObjectStore(new Git(local.root, clock, new AbortController().signal), gitDir, timeoutMs, anyOwner);
  }

  /** The repository that holds this folder. Rejects with NotFound when none does. */
  static async open(folder: string, clock: Clock): Promise<Repository> {
    return new Repository(await LocalRepository.open(folder, clock), clock);
  }

  /** Where `to` left the default branch of origin: the state that a pull request is compared with. */
  async mergeBase(to: string): Promise<string> {
    const tip = await this.#local.commitId(to === workingTree ? 'HEAD' : checkedRef(to));
    const main = await this.#objects.commitId('refs/remotes/origin/HEAD');
    if (main === null)
      throw new FairleadError('NotFound', 'Which branch is the default one of origin is not known here.', {
        data: { next: 'say what to compare with: --from origin/main (or once: git remote set-head origin --auto)' },
      });
    const bases = await this.#text(['merge-base', main, tip]);
    return bases.split('\n')[0]!.trim();
  }

  /** The manifests under `paths` at that ref. Rejects with Usage for what is no ref, NotFound for one that is not here. */
  async state(ref: string, paths: readonly string[]): Promise<RefState> {
    for (const path of paths) checkPath(path);
    if (ref === workingTree) return { ref, commit: null, files: await this.#working(paths) };
    const { commit, files } = await this.#local.files(checkedRef(ref), paths);
    return { ref, commit: commit.id, files };
  }

  /** Tracked files and those that are new, but not ignored. */
  async #working(paths: readonly string[]): Promise<readonly SourceFile[]> {
    if (this.#bare) throw usage(`${this.#root} is a bare repository: it has no working tree.`, 'name a ref with --to');
    const within = paths.includes('.') ? [] : paths;
    const listing = await this.#text(['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...within]);
    const entries = [...new Set(listing.split('\0'))].flatMap((path) => this.#entryOf(path));
    const manifests = entries.filter((entry) => isManifestPath(entry.path) && isRegular(entry));
    const files = new Map(manifests.map(({ path }) => [path, fileOf(path, readFileSync(join(this.#root, path)), undefined)]));
    return withProblems(files, treeProblems(entries));
  }

  /** None where nothing is any more, or something that no commit could hold. */
  #entryOf(path: string): TreeEntry[] {
    if (path === '') return [];
    const stat = this.#statOf(path);
    if (stat?.isSymbolicLink() === true) return [{ path, kind: 'link', id: '' }];
    if (stat?.isFile() === true) return [{ path, kind: 'file', id: '' }];
    return stat?.isDirectory() === true && existsSync(join(this.#root, path, '.git')) ? [{ path, kind: 'submodule', id: '' }] : [];
  }

  #statOf(path: string): Stats | null {
    // A folder on the way that is a link leads out of what git listed.
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1)
      if (lstatSync(join(this.#root, ...parts.slice(0, depth)), { throwIfNoEntry: false })?.isDirectory() !== true) return null;
    return lstatSync(join(this.#root, path), { throwIfNoEntry: false }) ?? null;
  }

  async #text(args: readonly string[]): Promise<string> {
    try {
      return await this.#objects.text(args);
    } catch (thrown) {
      if (!(thrown instanceof GitFailed)) throw thrown;
      const said = thrown.words.split('\n').find((line) => /^(fatal|error): /.test(line)) ?? thrown.words.split('\n')[0]!;
      const words = redact(said.slice(0, 300)) || thrown.message;
      throw new FairleadError('Refused', `git could not read ${this.#root}: ${words}`, {
        cause: thrown,
        data: { next: 'try `git fsck` there' },
      });
    }
  }
}

function checkedRef(ref: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (ref === '' || ref.startsWith('-') || /[\u0000-\u0020\u007f:]/.test(ref))
    throw usage(`${JSON.stringify(ref)} is no ref.`, 'name a commit, a branch or a tag: --from origin/main --to HEAD');
  return ref;
}

function checkPath(path: string): void {
  const parts = path.split('/');
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  const bad = path.startsWith('-') || /[\u0000-\u001f\\]/.test(path) || parts.some((part) => part === '' || part === '..' || part === '.');
  if (bad && path !== '.')
    throw usage(`${JSON.stringify(path)} is no path inside the repository.`, 'write it from the top folder: --path deploy/services');
}
