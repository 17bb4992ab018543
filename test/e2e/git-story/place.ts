/**
 * Where the story happens: a bare repository behind `git http-backend` that asks for a password and tells a webhook of its pushes,
 * a double of the forge's API (Gitea's, built from its published description: see forge-double.ts), somebody who works in a clone
 * and signs, and a Fairlead that follows the branch and wants signatures.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { GitRepository, plainGit } from '../../fixtures/git-repository.ts';
import { GitHttpServer } from '../../fixtures/git-servers.ts';
import { sshSigner } from '../../fixtures/signing.ts';
import { WorkingRepository } from '../../fixtures/working-repository.ts';
import { ForgeDouble, token } from '../../forges/forge-double.ts';
import { EventFeed } from '../event-feed.ts';
import { freePort, Stand } from '../stand.ts';

const root = join(import.meta.dirname, '../../..');
const hookSecret = 'between-forge-and-fairlead-5v';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class Place {
  readonly double: ForgeDouble;
  readonly clone: WorkingRepository;
  readonly stand: Stand;
  readonly events: EventFeed;
  readonly url: string;
  readonly #bare: GitRepository;
  readonly #server: GitHttpServer;
  readonly #folder: string;

  private constructor(
    parts: Pick<Place, 'double' | 'clone' | 'stand' | 'url'>,
    bare: GitRepository,
    server: GitHttpServer,
    folder: string,
  ) {
    ({ double: this.double, clone: this.clone, stand: this.stand, url: this.url } = parts);
    this.events = new EventFeed(parts.stand.runFile()!.statusUrl!);
    this.#bare = bare;
    this.#server = server;
    this.#folder = folder;
  }

  /** All of it, with no commit anywhere. */
  static async open(): Promise<Place> {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-story-'));
    const bare = await GitRepository.make('services.git');
    const server = await GitHttpServer.start(dirname(bare.base));
    server.login = `x-access-token:${token}`;
    const path = `${basename(bare.base)}/services`;
    const url = server.url(`${path}.git`);
    const double = new ForgeDouble('gitea', path);
    await double.start();

    const hook = `127.0.0.1:${await freePort()}`;
    const secretFile = join(folder, 'hook-secret');
    writeFileSync(secretFile, hookSecret);
    const program = [process.execPath, join(root, 'test/fixtures/post-receive.ts'), `http://${hook}/hooks/platform`, secretFile];
    writeFileSync(join(bare.path, 'hooks/post-receive'), `#!/bin/sh\nexec ${program.map((word) => `'${word}'`).join(' ')}\n`, {
      mode: 0o755,
    });

    const [ada, fairlead] = [sshSigner(folder, 'ada'), sshSigner(folder, 'fairlead')];
    writeFileSync(join(folder, 'allowed-signers'), ada.allowed + fairlead.allowed);
    const clone = new WorkingRepository();
    clone.git('remote', 'add', 'origin', url.replace('://', `://x-access-token:${token}@`));
    for (const setting of ['gpg.format=ssh', `user.signingKey=${join(folder, 'ada')}`, 'commit.gpgSign=true'])
      clone.git('config', ...setting.split(/=(.*)/s).slice(0, 2));

    const stand = await Stand.follow(
      {
        sources: [{ name: 'platform', git: gitSpec(url, double.url, folder) }],
        webhooks: { listen: hook, sources: { platform: { forge: 'gitea', secretFrom: { file: secretFile } } } },
      },
      { PLATFORM_TOKEN: token },
    );
    return new Place({ double, clone, stand, url }, bare, server, folder);
  }

  /** Commits in the clone, signed unless told otherwise; returns the id. */
  commit(message: string, files: Readonly<Record<string, string>>, signed = true): string {
    this.clone.git('config', 'commit.gpgSign', String(signed));
    return this.clone.commit(message, files);
  }

  /** Merges the branch into main, as the forge does when somebody presses the button there, and returns the commit. */
  merge(branch: string): string {
    this.clone.git('checkout', '--quiet', 'main');
    this.clone.git('merge', '--quiet', '--no-ff', '-m', `Merge ${branch}`, branch);
    return this.clone.git('rev-parse', 'HEAD');
  }

  /** What git and the hook of the repository say. */
  async push(branch = 'main'): Promise<string> {
    const { stderr } = await this.#remote('push', '--set-upstream', 'origin', branch);
    return stderr;
  }

  /** Brings main up to what was pushed by others; returns its tip. */
  async pull(): Promise<string> {
    await this.#remote('pull', '--quiet', '--ff-only', 'origin', 'main');
    return this.clone.git('rev-parse', 'HEAD');
  }

  /** Runs Fairlead's command line in the clone, where no controller is needed. */
  async inClone(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    return new Promise((resolve) => {
      const options = { cwd: this.clone.folder, env: { ...plainGit, ...env } };
      execFile(process.execPath, [join(root, 'bin/fairlead.cjs'), ...args], options, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
    });
  }

  /** Everything that has been said of a commit in one context (a service's, or the whole), in order. */
  said(commit: string, service: string | null = null): { state: string; description: string }[] {
    const context = service === null ? 'fairlead/platform' : `fairlead/platform/${service}`;
    return this.double.statuses
      .filter((status) => status['commit'] === commit && status['context'] === context)
      .map(({ state, description }) => ({ state: String(state), description: String(description) }));
  }

  async close(): Promise<{ readonly left: readonly number[] }> {
    await this.events.close();
    const stopped = await this.stand.stop();
    await this.double.stop();
    await this.#server.end();
    await this.#bare.end();
    this.clone.remove();
    rmSync(this.#folder, { recursive: true, force: true });
    return stopped;
  }

  /** Whether a text has one of the secrets in it, as it is or as it goes over the wire. */
  static tells(text: string): boolean {
    return [token, hookSecret, Buffer.from(`x-access-token:${token}`).toString('base64')].some((secret) => text.includes(secret));
  }

  /** The server is in this process, so git must not keep it waiting. */
  async #remote(...args: readonly string[]): Promise<{ stderr: string }> {
    return promisify(execFile)('git', args, { cwd: this.clone.folder, env: plainGit });
  }
}

function gitSpec(url: string, apiUrl: string, folder: string): object {
  const secret = { env: 'PLATFORM_TOKEN' };
  return {
    url,
    paths: ['deploy'],
    // Whatever comes to pass here, the webhook has brought about.
    interval: '1h',
    credentials: { tokenFrom: secret },
    commitStatus: { forge: 'gitea', tokenFrom: secret, apiUrl },
    verify: { mode: 'commits', sshAllowedSigners: join(folder, 'allowed-signers') },
    writes: { signingKeyFile: join(folder, 'fairlead') },
  };
}
