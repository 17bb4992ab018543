/** A git Source with a repository and a server of its own, for tests. */
import { mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FilesDrift } from '../../../src/model/drift.ts';
import type { Change, SourceEvent, WritableSource, Written } from '../../../src/ports/source.ts';
import { systemClock } from '../../../src/processes/clock.ts';
import { createGitSource } from '../../../src/sources/git/git-source.ts';
import type { GitSourceSettings } from '../../../src/sources/git/settings.ts';
import { GitRepository, type Entry } from '../../fixtures/git-repository.ts';
import { GitHttpServer, type GitServer } from '../../fixtures/git-servers.ts';
import { changeOf, SourceWitness, textsOf, type SourceHarness } from '../../ports/source-contract.ts';

/** A Source that polls when it is told to, and otherwise once an hour. */
export const settings: GitSourceSettings = {
  name: 'manifests',
  url: 'https://localhost/manifests.git',
  ref: { branch: 'main' },
  paths: ['.'],
  intervalMs: 3_600_000,
  timeoutMs: 20_000,
  maxBytes: 64 * 1024 * 1024,
  credentials: null,
  allowLocal: false,
  allowRewind: false,
  verify: null,
  writes: { name: 'Fairlead', email: 'fairlead@localhost', signingKeyFile: null },
  drift: 'correct',
};

/** Hears also what happened. */
export class Witness extends SourceWitness {
  readonly events: SourceEvent[] = [];
  readonly drifts: (FilesDrift | null)[] = [];

  happened(event: SourceEvent): void {
    this.events.push(event);
  }

  drifted(drift: FilesDrift | null): void {
    this.drifts.push(drift);
  }
}

export class GitHarness<Server extends GitServer = GitHttpServer> implements SourceHarness {
  readonly repository: GitRepository;
  readonly server: Server;
  /** A folder for whatever a test needs; the Source's own is in it. */
  readonly folder: string;
  readonly settings: GitSourceSettings;
  witness = new Witness();
  source: WritableSource;

  constructor(repository: GitRepository, server: Server, folder: string, own: Partial<GitSourceSettings>) {
    this.repository = repository;
    this.server = server;
    this.folder = folder;
    this.settings = { ...settings, url: server.url('manifests.git'), ...own };
    this.source = this.#make(this.settings);
  }

  /** Not started. `files`: the first commit; null: there is none. */
  static async make(files: Readonly<Record<string, Entry>> | null, own: Partial<GitSourceSettings> = {}): Promise<GitHarness> {
    const repository = await GitRepository.make();
    if (files !== null) await repository.commit(files);
    const server = await GitHttpServer.start(repository.base);
    return new GitHarness(repository, server, await temporaryFolder(), own);
  }

  start(): Promise<void> {
    return this.source.start(this.witness);
  }

  /** Ends the Source and begins another on what it left, as a restart does; with a new witness. */
  async restart(own: Partial<GitSourceSettings> = {}): Promise<void> {
    await this.source.close();
    this.witness = new Witness();
    this.source = this.#make({ ...this.settings, ...own });
    await this.start();
  }

  /** Writes against the newest Snapshot. */
  write(files: Change['files'], own: Partial<Change> = {}): Promise<Written> {
    return this.source.write(changeOf(files, this.witness.snapshots.at(-1)!.id, own));
  }

  /** Makes a hook of the repository's, in sh. */
  async hook(name: string, script: string): Promise<void> {
    await writeFile(join(this.repository.path, 'hooks', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Where the exported tree is. */
  get tree(): string {
    return join(this.folder, 'source', 'tree');
  }

  get mirror(): string {
    return join(this.folder, 'source', 'mirror.git');
  }

  /** Path → text of the newest Snapshot. */
  get texts(): Record<string, string> {
    return textsOf(this.witness.snapshots.at(-1)!);
  }

  /** Path → problem, of files of the newest Snapshot that have one. */
  get problems(): Record<string, string> {
    const files = this.witness.snapshots.at(-1)?.files ?? [];
    return Object.fromEntries(files.flatMap(({ path, problem }) => (problem === undefined ? [] : [[path, problem]])));
  }

  async put(files: Readonly<Record<string, Entry>>): Promise<void> {
    await this.repository.commit(files);
  }

  lose(): Promise<void> {
    return rename(this.repository.path, `${this.repository.path}.away`);
  }

  restore(): Promise<void> {
    return rename(`${this.repository.path}.away`, this.repository.path);
  }

  async end(): Promise<void> {
    await this.source.close();
    await this.server.end();
    await this.repository.end();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #make(own: GitSourceSettings): WritableSource {
    return createGitSource({ settings: own, folder: join(this.folder, 'source'), clock: systemClock });
  }
}

export async function temporaryFolder(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), 'fairlead-git-source-')));
}
