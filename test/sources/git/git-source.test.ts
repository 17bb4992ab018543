/** A git repository as a Source: the contract of every Source over a real server, and what only a repository can do. */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Source } from '../../../src/ports/source.ts';
import { systemClock } from '../../../src/processes/clock.ts';
import { createGitSource } from '../../../src/sources/git/git-source.ts';
import type { GitSettings } from '../../../src/sources/git/settings.ts';
import { GitRepository, type Entry } from '../../fixtures/git-repository.ts';
import { GitHttpServer } from '../../fixtures/git-servers.ts';
import { sourceContract, type SourceHarness } from '../../ports/source-contract.ts';

export const defaults: GitSettings = {
  name: 'manifests',
  url: '',
  ref: { branch: 'main' },
  paths: ['.'],
  intervalMs: 50,
  timeoutMs: 20_000,
  maxBytes: 64 * 1024 * 1024,
  credentials: null,
  allowLocal: false,
  allowRewind: false,
  verify: null,
};

class HttpHarness implements SourceHarness {
  readonly repository: GitRepository;
  readonly server: GitHttpServer;
  readonly source: Source;
  readonly #folder: string;

  constructor(repository: GitRepository, server: GitHttpServer, folder: string) {
    this.repository = repository;
    this.server = server;
    this.#folder = folder;
    this.source = createGitSource({ settings: { ...defaults, url: server.url('manifests.git') }, folder, clock: systemClock });
  }

  static async make(files: Readonly<Record<string, Entry>>): Promise<HttpHarness> {
    const repository = await GitRepository.make();
    await repository.commit(files);
    const server = await GitHttpServer.start(repository.base);
    return new HttpHarness(repository, server, join(await mkdtemp(join(tmpdir(), 'fairlead-gs-')), 'source'));
  }

  async put(files: Readonly<Record<string, string | null>>): Promise<void> {
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
    await rm(this.#folder, { recursive: true, force: true });
  }
}

sourceContract('a git repository over http', (files) => HttpHarness.make(files));
