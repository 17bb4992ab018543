/**
 * The manifests of any ref of a repository on this machine, for a comparison of two without a controller. Read from its
 * objects: what the working tree holds does not matter, nothing is checked out, fetched or written.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FairleadError, messageOf } from '../../base/error.ts';
import type { CommitFacts, SnapshotFile } from '../../model/snapshot.ts';
import type { Clock } from '../../ports/clock.ts';
import { isManifestPath } from '../folder-scan.ts';
import { factsOf } from './commit.ts';
import { fileOf, withProblems } from './contents.ts';
import { gitEnvironment } from './environment.ts';
import { isWithoutGit } from './failure.ts';
import { Git, GitFailed } from './git.ts';
import { ObjectStore } from './objects.ts';
import { isRegular, treeProblems } from './tree.ts';

export interface RefFiles {
  readonly commit: CommitFacts;
  /** Sorted by path, which is from the root of the repository. A file that two refs share is one object. */
  readonly files: readonly SnapshotFile[];
}

const timeoutMs = 60_000;

/**
 * It may belong to another user, as a checkout in a container often does: of its configuration nothing is used that names a
 * program, and no hook, filter or monitor runs on reading objects.
 */
const anyOwner = [['safe.directory', '*']] as const;

export class LocalRepository {
  /** Its working tree's folder; of a bare one the repository itself. Absolute. */
  readonly root: string;
  /** The folder that it was opened by, relative to the root; `.` for the root. */
  readonly prefix: string;
  readonly #objects: ObjectStore;
  /** Blob id and path → what was read. */
  readonly #read = new Map<string, SnapshotFile>();

  private constructor(root: string, prefix: string, objects: ObjectStore) {
    this.root = root;
    this.prefix = prefix;
    this.#objects = objects;
  }

  /** The repository that holds the folder. Rejects with NotFound when none does. */
  static async open(folder: string, clock: Clock): Promise<LocalRepository> {
    if (!existsSync(folder)) throw new FairleadError('NotFound', `There is no folder ${folder}.`);
    const git = new Git(folder, clock, new AbortController().signal);
    const objectsOf = (gitDir: string): ObjectStore => new ObjectStore(git, gitDir, timeoutMs, anyOwner);
    if (existsSync(join(folder, 'HEAD')) && existsSync(join(folder, 'objects'))) return new LocalRepository(folder, '.', objectsOf(folder));
    try {
      const args = ['rev-parse', '--absolute-git-dir', '--show-toplevel', '--show-prefix'];
      const [gitDir = '', root = '', prefix = ''] = (await git.text(args, { env: gitEnvironment(null, null, anyOwner), timeoutMs })).split(
        '\n',
      );
      return new LocalRepository(root, prefix.replace(/\/$/, '') || '.', objectsOf(gitDir));
    } catch (thrown) {
      if (!(thrown instanceof GitFailed)) throw thrown;
      if (isWithoutGit(thrown))
        throw new FairleadError('CommandNotFound', 'There is no `git` on this machine, or it is not on PATH.', {
          cause: thrown,
          data: { next: 'install git' },
        });
      throw new FairleadError('NotFound', `${folder} is in no git repository.`, {
        cause: thrown,
        data: { next: 'run this in a clone, or name one with --repo' },
      });
    }
  }

  /** The whole id of the commit that a ref, a tag or `HEAD~1` names. Rejects with NotFound when it names none. */
  async commitId(ref: string): Promise<string> {
    const id = await this.#objects.commitId(ref);
    if (id !== null) return id;
    const message = `There is no commit ${JSON.stringify(ref)} in ${this.root}. A ref of a server must have been fetched (in a shallow clone, with its depth).`;
    throw new FairleadError('NotFound', message, { data: { ref } });
  }

  /** Manifests of the ref under those paths (from the root; ['.'] is all of it). */
  async files(ref: string, paths: readonly string[] = ['.']): Promise<RefFiles> {
    const id = await this.commitId(ref);
    try {
      const commit = factsOf(await this.#objects.commit(id));
      const entries = await this.#objects.tree(id, paths);
      const manifests = entries.filter((entry) => isRegular(entry) && isManifestPath(entry.path));
      const unread = manifests.filter((entry) => !this.#read.has(`${entry.id} ${entry.path}`));
      const blobs = new Map<string, Uint8Array>();
      const sizes = await this.#objects.sizes(
        unread.map((entry) => entry.id),
        false,
      );
      await this.#objects.blobs(sizes, (blob, bytes) => void blobs.set(blob, bytes));
      const files = new Map<string, SnapshotFile>();
      for (const { id: blob, path } of manifests) {
        const key = `${blob} ${path}`;
        const file = this.#read.get(key) ?? fileOf(path, blobs.get(blob) ?? missing(path, ref), undefined);
        this.#read.set(key, file);
        files.set(path, file);
      }
      return { commit, files: withProblems(files, treeProblems(entries)) };
    } catch (thrown) {
      if (thrown instanceof FairleadError) throw thrown;
      const words = thrown instanceof GitFailed ? 'an object is missing or broken; `git fsck` says more' : messageOf(thrown);
      throw new FairleadError('Refused', `${ref} in ${this.root} cannot be read: ${words}.`, { cause: thrown });
    }
  }
}

function missing(path: string, ref: string): never {
  throw new Error(`${path} of ${ref} is not here; in a partial clone it must be fetched first`);
}
