/** A real Fairlead that follows the repository of the bench of git, and what it costs: CPU of its controller with all the gits that this starts. */
import { createHmac, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from 'undici';
import { EventFeed, type Told } from '../test/e2e/event-feed.ts';
import { StatelessClient } from '../test/e2e/rollouts/stateless-client.ts';
import { freePort, pause, Stand } from '../test/e2e/stand.ts';
import { live, type ManifestRepository, type Pushed } from './git-manifests.ts';

const source = 'platform';
const secret = 'of the bench';
const tickMs = 10;
/** What a controller at rest uses of a second at most, where nobody else uses the machine: the polls of one, and what it does by itself. */
const quietMs = 60;

/** What the controller has used so far, with its children that have ended. */
export interface Cost {
  readonly cpuMs: number;
  /** Read by any system call, from files, pipes and sockets. */
  readonly readBytes: number;
  /** performance.now() of this reading. */
  readonly at: number;
}

/** From `git push` returning until a call was answered by the new Revision; of it, what the service itself needed to start. */
export interface Passage {
  readonly totalMs: number;
  readonly startMs: number;
}

export class Follower {
  readonly stand: Stand;
  readonly events: EventFeed;
  readonly #hookUrl: string;
  readonly #agent = new Agent({ connections: 1 });

  private constructor(stand: Stand, hookUrl: string) {
    this.stand = stand;
    this.#hookUrl = hookUrl;
    this.events = new EventFeed(stand.runFile()!.statusUrl!);
  }

  /** Resolves once all that the repository declares is as declared. */
  static async start({ url }: ManifestRepository, interval: string): Promise<Follower> {
    const port = await freePort();
    const stand = await Stand.follow(
      {
        sources: [{ name: source, git: { url, paths: ['deploy'], interval } }],
        webhooks: { listen: `127.0.0.1:${port}`, sources: { [source]: { forge: 'gitea', secretFrom: { env: 'HOOK_SECRET' } } } },
      },
      { HOOK_SECRET: secret },
    );
    const follower = new Follower(stand, `http://127.0.0.1:${port}/hooks/${source}`);
    try {
      await follower.settled(120_000);
      return follower;
    } catch (thrown) {
      await follower.stop();
      throw thrown;
    }
  }

  /** Resolves once nothing is under way. */
  async settled(timeoutMs: number): Promise<void> {
    const url = new URL('/api/v1/services/stats/overview', this.stand.runFile()!.statusUrl!);
    for (const end = performance.now() + timeoutMs; ;) {
      const { settled } = (await (await fetch(url)).json()) as { settled: boolean };
      if (settled) return;
      if (performance.now() > end) throw new Error(`not settled within ${timeoutMs} ms\n${this.stand.output.slice(-2_000)}`);
      await pause(50);
    }
  }

  /** Resolves once the service that runs has no rollout and nothing of one that is over. */
  async atRest(): Promise<void> {
    for (;;) {
      const { rollout, instances } = (await this.stand.service(live))!.status;
      if (rollout === null && instances.length === 1) return;
      await pause(50);
    }
  }

  /** Resolves once the controller uses next to nothing but for polls, or no less than before: what loading left to collect has been. */
  async quiet(): Promise<void> {
    const ownMs = (): number => this.#ticks(0, 2) * tickMs;
    for (let [before, usedBefore] = [ownMs(), Infinity]; ;) {
      await pause(1_000);
      const after = ownMs();
      const used = after - before;
      if (used <= quietMs || used >= usedBefore) return;
      [before, usedBefore] = [after, used];
    }
  }

  /** Tells of a push as Gitea does. */
  async deliver(): Promise<void> {
    const body = JSON.stringify({ ref: 'refs/heads/main' });
    const headers = {
      'content-type': 'application/json',
      'x-gitea-event': 'push',
      'x-gitea-delivery': randomUUID(),
      'x-gitea-signature': createHmac('sha256', secret).update(body).digest('hex'),
    };
    const { status } = await fetch(this.#hookUrl, { method: 'POST', headers, body });
    if (status !== 202) throw new Error(`the webhook answered ${status}`);
  }

  /** Follows a push that made the service that runs answer with that tag. */
  async passage(pushed: Pushed, tag: string, from: number): Promise<Passage> {
    const promoted = await this.events.next(
      `${tag} to be promoted`,
      ({ reason, commit }) => reason === 'RolloutPromoted' && commit === pushed.commit,
      from,
    );
    const gateway = this.stand.runFile()!.gatewayUrl!.replace(/\/(mcp)?$/, '');
    const client = new StatelessClient(`${gateway}/services/${live}/mcp`, 30_000, this.#agent);
    const { result } = await client.rpc('tools/call', { name: 'echo', arguments: { id: tag } });
    const servedAt = performance.now();
    const { content } = result as { content: readonly { text: string }[] };
    const answered = (JSON.parse(content[0]!.text) as { tag: string }).tag;
    if (answered !== tag) throw new Error(`after its promotion ${tag} does not answer, but ${answered}`);
    return { totalMs: servedAt - pushed.at, startMs: await this.#startMs(promoted) };
  }

  /** Resolves once the commit has been taken in. */
  async applied({ commit }: Pushed, from: number): Promise<Told> {
    return this.events.next(`${commit} to be applied`, (event) => event.reason === 'SnapshotApplied' && event.commit === commit, from);
  }

  cost(): Cost {
    const read = /^rchar: (\d+)$/m.exec(readFileSync(`/proc/${this.#pid}/io`, 'utf8'))![1];
    return { cpuMs: this.#ticks(0, 4) * tickMs, readBytes: Number(read), at: performance.now() };
  }

  /** Path → what tells one writing of the file from the next, of all files that are laid out of the commit. */
  laidOut(): ReadonlyMap<string, string> {
    const root = join(this.stand.dataDir, 'sources', source, 'tree');
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return new Map(
      files.map(({ parentPath, name }) => {
        const path = join(parentPath, name);
        const { ino, mtimeNs } = statSync(path, { bigint: true });
        return [path, `${ino} ${mtimeNs}`];
      }),
    );
  }

  async stop(): Promise<void> {
    await this.events.close();
    await this.#agent.close();
    const { left } = await this.stand.stop();
    if (left.length > 0) throw new Error(`${left.length} processes were left`);
  }

  get #pid(): number {
    return this.stand.runFile()!.controllerPid!;
  }

  /** Of utime, stime, and the same of the children that were waited for: fields 14 to 17 of proc(5). */
  #ticks(from: number, to: number): number {
    const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .slice(11);
    return fields.slice(from, to).reduce((sum, field) => sum + Number(field), 0);
  }

  /** From the start of its process until it answered and passed its checks. */
  async #startMs({ revision }: Told): Promise<number> {
    const { status } = (await this.stand.service(live))!;
    const instance = status.instances.find((candidate) => candidate.revision === revision)!;
    const ready = this.events.told.find((event) => event.reason === 'InstanceReady' && event.revision === revision)!;
    return ready.at - Date.parse(instance.startedAt!);
  }
}
