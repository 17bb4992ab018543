/**
 * Makes commits of Fairlead's own in an object store, without a work tree: on top of a commit, with what the change says
 * and nothing else of the tree changed. Nothing leaves the machine here.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FairleadError } from '../../base/error.ts';
import { redact } from '../../base/redact.ts';
import type { WriteSettings } from '../../model/source-settings.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Change } from '../../ports/source.ts';
import { refuseUnwritable } from '../written-paths.ts';
import { commitMessage, personOf, trailerArguments } from './commit-words.ts';
import { GitFailed } from './git.ts';
import type { ObjectStore } from './objects.ts';
import { isSafePath, treeProblems, type TreeEntry } from './tree.ts';

export interface CommitMakerParts {
  readonly objects: ObjectStore;
  /** For what lies about while a commit is made; absolute, there when one is made. It is gone afterwards, whatever happens. */
  readonly folder: string;
  /** What the Source looks into. */
  readonly paths: readonly string[];
  readonly writes: WriteSettings;
  readonly clock: Clock;
}

type Files = Change['files'];

export class CommitMaker {
  readonly #parts: CommitMakerParts;
  readonly #scratch: string;

  constructor(parts: CommitMakerParts) {
    this.#parts = parts;
    this.#scratch = join(parts.folder, 'writing');
  }

  /** Id of the commit; null when the change changes nothing. Rejects with Refused, and with GitFailed where the store is damaged. */
  async make(change: Change): Promise<string | null> {
    for (const path of Object.keys(change.files)) this.#refuse(path);
    try {
      await this.#clear();
      await mkdir(this.#scratch, { mode: 0o700 });
      const tree = await this.#treeOf(change);
      return tree === null ? null : await this.#commit(tree, change);
    } catch (thrown) {
      if (thrown instanceof GitFailed && /No space left on device/.test(thrown.words))
        throw new FairleadError('DiskFull', 'There is no room to make a commit in.', { cause: thrown });
      throw thrown;
    } finally {
      await this.#clear();
    }
  }

  #refuse(path: string): void {
    refuseUnwritable(path);
    const { paths } = this.#parts;
    if (!isSafePath(path)) throw new FairleadError('Refused', `${path} is not a file that a repository may hold.`, { data: { path } });
    if (paths.includes('.') || paths.some((root) => path === root || path.startsWith(`${root}/`))) return;
    throw new FairleadError('Refused', `${path} is not under the paths that this source looks into: ${paths.join(', ')}.`, {
      data: { path, next: `write it under ${paths[0]}` },
    });
  }

  /** The tree of `onto` with the files; null when it is the same. */
  async #treeOf({ files, onto }: Change): Promise<string | null> {
    const { objects, paths } = this.#parts;
    const before = new Map((await objects.tree(onto, paths)).map((entry) => [entry.path, entry]));
    const written = await this.#written(files, before);
    refuseProblems(before, written, files);
    const more = { GIT_INDEX_FILE: join(this.#scratch, 'index') };
    const others = written.filter(({ path, id }) => before.get(path)?.id !== id);
    const gone = Object.keys(files).filter((path) => files[path] === null);
    const lines = [
      ...gone.map((path) => `0 ${'0'.repeat(onto.length)}\t${path}\0`),
      ...others.map(({ path, kind, id }) => `${kind === 'executable' ? '100755' : '100644'} ${id}\t${path}\0`),
    ];
    await objects.text(['read-tree', onto], { more });
    await objects.text(['update-index', '-z', '--index-info'], { more, input: lines.join('') });
    // Blobs of elsewhere in the repository may not be here, by intent.
    const tree = (await objects.text(['write-tree', '--missing-ok'], { more })).trim();
    const { changed, removed } = await objects.changes(onto, tree, ['.']);
    refuseStrays(pathsOf(others), pathsOf(changed), files);
    refuseStrays(new Set(gone.filter((path) => before.has(path))), new Set(removed), files);
    return changed.length + removed.length === 0 ? null : tree;
  }

  /** Stores the texts; a file that is executable stays so. */
  async #written(files: Files, before: ReadonlyMap<string, TreeEntry>): Promise<TreeEntry[]> {
    const texts = Object.entries(files).filter((file): file is [string, string] => file[1] !== null);
    if (texts.length === 0) return [];
    const laid = texts.map((_, index) => join(this.#scratch, String(index)));
    for (const [index, [, text]] of texts.entries()) await writeFile(laid[index]!, text);
    const ids = await this.#parts.objects.text(['hash-object', '-w', '--no-filters', '--stdin-paths'], { input: `${laid.join('\n')}\n` });
    const blobs = ids.trim().split('\n');
    return texts.map(([path], index) => ({
      path,
      id: blobs[index]!,
      kind: before.get(path)?.kind === 'executable' ? 'executable' : 'file',
    }));
  }

  async #commit(tree: string, change: Change): Promise<string> {
    const { objects, writes, clock } = this.#parts;
    const committer = personOf(writes);
    const author = change.author === null ? committer : personOf(change.author);
    const date = `@${Math.floor(clock.now() / 1_000)} +0000`;
    const input = await objects.text(['interpret-trailers', '--no-divider', ...trailerArguments(change.trailers)], {
      input: commitMessage(change),
    });
    const sign = writes.signingKeyFile === null ? null : signing(writes.signingKeyFile);
    try {
      const id = await objects.text(['commit-tree', tree, '-p', change.onto, '-F', '-', ...(sign === null ? [] : ['-S'])], {
        input,
        config: sign?.config ?? [],
        more: {
          GIT_AUTHOR_NAME: author.name,
          GIT_AUTHOR_EMAIL: author.email,
          GIT_AUTHOR_DATE: date,
          GIT_COMMITTER_NAME: committer.name,
          GIT_COMMITTER_EMAIL: committer.email,
          GIT_COMMITTER_DATE: date,
          ...sign?.more,
        },
      });
      return id.trim();
    } catch (thrown) {
      if (sign === null || !(thrown instanceof GitFailed) || thrown.ended !== null) throw thrown;
      const said = redact(thrown.words.trim().slice(0, 1_000))
        .replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
        .slice(0, 300);
      throw new FairleadError('Refused', `writes.signingKeyFile cannot sign a commit: ${said}`, {
        cause: thrown,
        data: { next: 'name the file of a private ssh key without a passphrase, which this user may read' },
      });
    }
  }

  async #clear(): Promise<void> {
    await rm(this.#scratch, { recursive: true, force: true });
  }
}

/** A key with a passphrase would be asked for it: nobody answers. */
function signing(keyFile: string) {
  return {
    config: [['gpg.format', 'ssh'] as const, ['user.signingKey', keyFile] as const],
    more: { SSH_ASKPASS: 'false', SSH_ASKPASS_REQUIRE: 'force' },
  };
}

/** What stands there and cannot be written to, or would be refused once it is read: a link, a submodule, a name like another. */
function refuseProblems(before: ReadonlyMap<string, TreeEntry>, written: readonly TreeEntry[], files: Files): void {
  const after = new Map(before);
  for (const [path, text] of Object.entries(files)) if (text === null) after.delete(path);
  for (const entry of written) after.set(entry.path, entry);
  const [was, is] = [treeProblems(before.values()), treeProblems(after.values())];
  for (const path of Object.keys(files)) {
    const kind = before.get(path)?.kind;
    const problem = kind === 'link' || kind === 'submodule' ? was.get(path) : is.get(path);
    if (problem !== undefined) throw new FairleadError('Refused', `${path} cannot be written: ${problem}`, { data: { path } });
  }
}

/** git makes room for a file by removing what stands in the place of its folder, be it a file, a link or a submodule, and the other way round. */
function refuseStrays(meant: ReadonlySet<string>, done: ReadonlySet<string>, files: Files): void {
  for (const stray of meant.symmetricDifference(done)) {
    const path = Object.keys(files).find((own) => own.startsWith(`${stray}/`) || stray.startsWith(`${own}/`)) ?? stray;
    throw new FairleadError('Refused', `${path} cannot be written: ${stray} stands in its place.`, { data: { path } });
  }
}

function pathsOf(entries: readonly TreeEntry[]): Set<string> {
  return new Set(entries.map(({ path }) => path));
}
