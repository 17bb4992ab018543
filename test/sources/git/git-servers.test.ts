/** The contract of every Source over the servers that people run: nginx with basic auth, and sshd with a key. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { GitSourceSettings } from '../../../src/sources/git/settings.ts';
import { GitRepository, type Entry } from '../../fixtures/git-repository.ts';
import { NginxServer, SshServer, type GitServer } from '../../fixtures/git-servers.ts';
import { isMissing } from '../../fixtures/partners.ts';
import { sourceContract, writableSourceContract } from '../../ports/source-contract.ts';
import { GitHarness, temporaryFolder } from './git-harness.ts';

async function overHttp(files: Readonly<Record<string, Entry>>, own: Partial<GitSourceSettings> = {}): Promise<GitHarness<NginxServer>> {
  const [repository, folder] = await servedRepository(files);
  const server = await NginxServer.start(repository.base, await mkdtemp(join(folder, 'nginx-')));
  const password = join(folder, 'password');
  await writeFile(password, `${NginxServer.login.password}\n`);
  return new GitHarness(repository, server, folder, {
    intervalMs: 50,
    credentials: { username: NginxServer.login.username, password: { file: password } },
    ...own,
  });
}

async function overSsh(files: Readonly<Record<string, Entry>>, own: Partial<GitSourceSettings> = {}): Promise<GitHarness<SshServer>> {
  const [repository, folder] = await servedRepository(files);
  const server = await SshServer.start(repository.base, await mkdtemp(join(folder, 'sshd-')));
  return new GitHarness(repository, server, folder, { intervalMs: 50, credentials: server.credentials, ...own });
}

async function servedRepository(files: Readonly<Record<string, Entry>>): Promise<[GitRepository, string]> {
  const repository = await GitRepository.make();
  await repository.commit(files);
  return [repository, await temporaryFolder()];
}

let harness: GitHarness<GitServer>;

describe.skipIf(isMissing('git', 'nginx-light', 'fcgiwrap'))(
  'nginx with basic auth (skipped without git, nginx-light and fcgiwrap)',
  () => {
    sourceContract('a git repository behind nginx', (files) => overHttp(files));
    writableSourceContract('a git repository behind nginx', (files) => overHttp(files));

    describe('without the right password', () => {
      afterEach(() => harness.end());

      it('says who refused', async () => {
        harness = await overHttp({ 'a.yaml': '1' }, { credentials: null });
        await harness.start();
        expect(harness.witness.failures[0]).toMatch(/127\.0\.0\.1:\d+ wants credentials, and this source has none/);
      });
    });
  },
);

describe.skipIf(isMissing('git', 'openssh-client', 'openssh-server'))(
  'sshd with a key (skipped without git, openssh-client and openssh-server)',
  () => {
    sourceContract('a git repository over ssh', (files) => overSsh(files));
    writableSourceContract('a git repository over ssh', (files) => overSsh(files));

    describe('with what does not fit', () => {
      afterEach(() => harness.end());

      it('says that the key was refused', async () => {
        harness = await overSsh({ 'a.yaml': '1' });
        const { knownHostsFile } = (harness.server as SshServer).credentials;
        const other = await SshServer.start(harness.repository.base, await mkdtemp(join(harness.folder, 'other-')));
        await other.end();
        await harness.restart({ credentials: { sshKeyFile: other.credentials.sshKeyFile, knownHostsFile } });
        expect(harness.witness.failures[0]).toContain('refused the key');
      });

      it('does not speak with a server whose key it does not know', async () => {
        harness = await overSsh({ 'a.yaml': '1' });
        const { sshKeyFile } = (harness.server as SshServer).credentials;
        const knownHostsFile = join(harness.folder, 'empty');
        await writeFile(knownHostsFile, '');
        await harness.restart({ credentials: { sshKeyFile, knownHostsFile } });
        expect(harness.witness.failures[0]).toContain('is not in knownHostsFile');
      });
    });
  },
);
