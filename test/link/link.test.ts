import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostLink } from '../../src/link/controller-end.ts';
import { HostEnd } from '../../src/link/host-end.ts';
import { protocolVersion } from '../../src/link/messages.ts';
import type { Contract } from '../../src/model/contract.ts';
import type { Observation } from '../../src/model/observation.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { HostControl } from '../../src/ports/host-control.ts';
import type { HostLink, HostListener } from '../../src/ports/host-link.ts';
import type { UsageDay } from '../../src/ports/store.ts';
import { contract, ManualClock, planFor } from '../host/world.ts';
import { systemClock } from '../../src/processes/clock.ts';

/** A Host that only remembers what it was told. */
class FakeHost implements HostControl {
  hostId = 'host-1';
  readonly heard: string[] = [];
  readonly seen = new Map<string, Observation>();
  readonly offered = new Map<string, Contract[]>();
  usage: UsageDay[] = [];
  change: (service: string) => void = () => {};

  take(plan: Plan): void {
    this.heard.push(`plan ${plan.service} ${plan.generation}`);
  }

  forget(service: string): void {
    this.heard.push(`forget ${service}`);
  }

  services(): string[] {
    return [...this.seen.keys()].sort();
  }

  observe(service: string): Observation | null {
    return this.seen.get(service) ?? null;
  }

  contracts(service: string): readonly Contract[] {
    return this.offered.get(service) ?? [];
  }

  onChange(callback: (service: string) => void): void {
    this.change = callback;
  }

  takeUsage(): UsageDay[] {
    return this.usage.splice(0);
  }

  see(service: string, planGeneration: number): void {
    this.seen.set(service, {
      service,
      hostId: this.hostId,
      planGeneration,
      routeGeneration: planGeneration,
      routed: null,
      instances: [],
      preview: null,
      shadow: null,
      metrics: [],
      traffic: {},
    });
    this.change(service);
  }
}

/** A controller's listener that writes down what it hears. */
class Ear implements HostListener {
  readonly heard: string[] = [];
  readonly usages: UsageDay[] = [];
  takes: () => void | Promise<void> = () => {};

  connected(hostId: string, observations: readonly Observation[]): void {
    this.heard.push(`connected ${hostId} [${observations.map(({ service, planGeneration }) => `${service}:${planGeneration}`).join()}]`);
  }

  observed({ service, planGeneration }: Observation): void {
    this.heard.push(`observed ${service}:${planGeneration}`);
  }

  contract({ hash }: Contract): void {
    this.heard.push(`contract ${hash}`);
  }

  usage(usage: readonly UsageDay[]): void | Promise<void> {
    this.usages.push(...usage);
    return this.takes();
  }

  disconnected(reason: string): void {
    this.heard.push(`disconnected ${reason}`);
  }
}

let dir: string;
let socketPath: string;
let clock: ManualClock;
let host: FakeHost;
let end: HostEnd;
const links: HostLink[] = [];
const problems: string[] = [];

async function listen(): Promise<void> {
  end = await HostEnd.listen({
    socketPath,
    host,
    clock,
    usageFile: join(dir, 'usage.json'),
    onProblem: (message) => problems.push(message),
  });
}

function controller(epoch: number): { link: HostLink; ear: Ear } {
  const link = createHostLink({ socketPath, clock: systemClock });
  const ear = new Ear();
  links.push(link);
  link.start(epoch, ear);
  return { link, ear };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Lets the Host's time pass, ten seconds at a time, until what it said has been answered. */
async function passUntil(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('waited in vain');
    await clock.pass(10_000);
  }
}

const use = (calls: number): UsageDay => ({ service: 'a', tool: 't', day: '2026-11-20', calls, errors: 0, latencySumMs: 1 });

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'fairlead-link-'));
  socketPath = join(dir, 'host.sock');
  clock = new ManualClock();
  host = new FakeHost();
  await listen();
});
afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()));
  await end.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('the link', () => {
  it('is a socket that only its owner may use', () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  });

  it('carries Plans down, in order, and Observations up after the Contracts they name', async () => {
    const { link, ear } = controller(1);
    await until(() => ear.heard.length === 1);
    expect(ear.heard).toEqual(['connected host-1 []']);
    link.send(planFor('a', { generation: 1 }));
    link.forget('b');
    link.send(planFor('a', { generation: 2 }));
    await until(() => host.heard.length === 3);
    expect(host.heard).toEqual(['plan a 1', 'forget b', 'plan a 2']);
    host.offered.set('a', [contract('c1'), contract('c1')]);
    host.see('a', 1);
    await until(() => ear.heard.length === 3);
    host.see('a', 2);
    await until(() => ear.heard.length === 4);
    expect(ear.heard.slice(1)).toEqual(['contract c1', 'observed a:1', 'observed a:2']);
  });

  it('tells what changes within one turn once', async () => {
    const { ear } = controller(1);
    await until(() => ear.heard.length === 1);
    for (let generation = 1; generation <= 50; generation++) host.see('a', generation);
    await until(() => ear.heard.length > 1);
    expect(ear.heard.slice(1)).toEqual(['observed a:50']);
  });

  it('tells a controller that comes back all that is so, Contracts included', async () => {
    host.offered.set('a', [contract('c1')]);
    host.see('a', 3);
    host.see('b', 4);
    const first = controller(1);
    await until(() => first.ear.heard.length > 1);
    await first.link.close();
    const second = controller(2);
    await until(() => second.ear.heard.length > 1);
    expect(second.ear.heard).toEqual(['contract c1', 'connected host-1 [a:3,b:4]']);
  });

  it('says nothing before the Host has said what it sees', async () => {
    const { link } = controller(1);
    link.send(planFor('a'));
    const other = controller(1);
    await until(() => other.ear.heard.length > 0);
    expect(host.heard).toEqual([]);
  });

  it('comes up again by itself when the Host does, as another one', async () => {
    const { link, ear } = controller(1);
    await until(() => ear.heard.length === 1);
    await end.close();
    expect(existsSync(socketPath)).toBe(false);
    await until(() => ear.heard.length === 2);
    link.send(planFor('a'));
    host.hostId = 'host-2';
    await listen();
    await until(() => ear.heard.length === 3);
    expect(ear.heard[1]).toMatch(/^disconnected /);
    expect(ear.heard[2]).toBe('connected host-2 []');
    // What was sent in between is lost; after `connected` the controller sends everything again.
    expect(host.heard).toEqual([]);
  });

  it('waits for a Host that is not there yet, and takes over the socket of one that was killed', async () => {
    await end.close();
    // A killed Host leaves its socket behind.
    writeFileSync(socketPath, '');
    const { ear } = controller(1);
    await listen();
    await until(() => ear.heard.length > 0);
    expect(ear.heard).toEqual(['connected host-1 []']);
  });
});

describe('fencing', () => {
  it('lets a newer controller take over, and tells the older one that it is over', async () => {
    const old = controller(1);
    await until(() => old.ear.heard.length === 1);
    const fresh = controller(2);
    await until(() => old.ear.heard.length === 2 && fresh.ear.heard.length === 1);
    expect(old.ear.heard[1]).toMatch(/^disconnected StaleEpoch: /);
    old.link.send(planFor('a', { generation: 9 }));
    fresh.link.send(planFor('a', { generation: 10 }));
    await until(() => host.heard.length === 1);
    expect(host.heard).toEqual(['plan a 10']);
  });

  it('refuses an older controller for as long as the Host lives, also when the newer one has gone', async () => {
    const fresh = controller(5);
    await until(() => fresh.ear.heard.length === 1);
    await fresh.link.close();
    const old = controller(4);
    await until(() => old.ear.heard.length === 1);
    expect(old.ear.heard[0]).toMatch(/^disconnected StaleEpoch: /);
    // It does not try again.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(old.ear.heard).toHaveLength(1);
  });

  it('does not hear what a controller wrote before it was replaced and that arrives afterwards', async () => {
    const old = await raw();
    old.write(`${JSON.stringify({ kind: 'hello', protocol: protocolVersion, epoch: 1 })}\n`);
    await once(old, 'data');
    // One chunk holds the greeting of the new one's connection and one of the old: the old one's is read last.
    const fresh = await raw();
    fresh.write(`${JSON.stringify({ kind: 'hello', protocol: protocolVersion, epoch: 2 })}\n`);
    await once(fresh, 'data');
    old.on('error', () => {});
    old.write(`${JSON.stringify({ kind: 'plan', plan: planFor('stale') })}\n`);
    fresh.write(`${JSON.stringify({ kind: 'plan', plan: planFor('fresh') })}\n`);
    await until(() => host.heard.length === 1);
    expect(host.heard).toEqual(['plan fresh 1']);
    fresh.destroy();
    old.destroy();
  });
});

describe('who does not speak as agreed', () => {
  it.each([
    ['is no message', 'garbage\n'],
    ['speaks another version', `${JSON.stringify({ kind: 'hello', protocol: 99, epoch: 1 })}\n`],
    ['gives no hello', `${JSON.stringify({ kind: 'forget', service: 'a' })}\n`],
    ['has no epoch', `${JSON.stringify({ kind: 'hello', protocol: protocolVersion, epoch: 'x' })}\n`],
  ])('is cut off, and nobody else suffers: %s', async (_, text) => {
    const { ear } = controller(1);
    await until(() => ear.heard.length === 1);
    const socket = await raw();
    socket.resume().write(text);
    await once(socket, 'close');
    expect(host.heard).toEqual([]);
    host.see('a', 1);
    await until(() => ear.heard.length === 2);
  });

  it('is cut off who says nothing at all', async () => {
    const socket = await raw();
    const closed = once(socket.resume(), 'close');
    await clock.pass(4_900);
    expect(socket.closed).toBe(false);
    await clock.pass(100);
    await closed;
  });
});

describe('a defect that one service brings to light', () => {
  it('is told, and the other services go on', async () => {
    const { link, ear } = controller(1);
    await until(() => ear.heard.length === 1);
    const { take, observe } = host;
    host.take = (plan) => {
      if (plan.service === 'bad') throw new Error('defect');
      take.call(host, plan);
    };
    host.observe = (service) => {
      if (service === 'bad') throw new Error('defect');
      return observe.call(host, service);
    };
    link.send(planFor('bad'));
    link.send(planFor('good'));
    await until(() => host.heard.length === 1);
    host.see('bad', 1);
    host.see('good', 1);
    await until(() => ear.heard.length === 2);
    expect(ear.heard).toEqual(['connected host-1 []', 'observed good:1']);
    expect(problems.splice(0)).toHaveLength(2);
  });
});

describe('a controller that does not read', () => {
  it('costs the Host no memory: of each service only the newest waits', async () => {
    for (let n = 0; n < 200; n++)
      host.offered.set(`s${n}`, [{ ...contract(`c${n}`), tools: [{ name: 'x'.repeat(50_000), inputSchema: {} }] }]);
    for (let n = 0; n < 200; n++) host.see(`s${n}`, 1);
    const socket = await raw();
    socket.write(`${JSON.stringify({ kind: 'hello', protocol: protocolVersion, epoch: 1 })}\n`);
    // The Host stops telling once enough waits; what changes meanwhile is told as it is in the end.
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let generation = 2; generation <= 20; generation++) {
      for (let n = 0; n < 200; n++) host.see(`s${n}`, generation);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    await until(() => text.includes('"kind":"synced"') && text.includes('"service":"s199"'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const told = text.split('\n').filter((line) => line.includes('"kind":"observation"'));
    expect(told.length).toBeLessThan(600);
    const last = told.findLast((line) => line.includes('"service":"s199"'));
    expect(last).toContain('"planGeneration":20');
    socket.destroy();
  });
});

describe('usage', () => {
  it('is told every ten seconds and kept until the controller has it', async () => {
    const { ear, link } = controller(1);
    await until(() => ear.heard.length === 1);
    const stored = Promise.withResolvers<void>();
    ear.takes = () => stored.promise;
    host.usage = [use(3)];
    await clock.pass(10_000);
    await until(() => ear.usages.length === 1);
    // It was told and not stored: the next controller hears it again.
    await link.close();
    stored.resolve();
    const second = controller(2);
    await until(() => second.ear.usages.length === 1);
    expect(second.ear.usages).toEqual([use(3)]);
    // That one has it: nothing is told a third time.
    host.usage = [use(4)];
    await passUntil(() => second.ear.usages.length === 2);
    expect(second.ear.usages[1]).toEqual(use(4));
  });

  it('is told again when the controller could not store it', async () => {
    const first = controller(1);
    await until(() => first.ear.heard.length === 1);
    first.ear.takes = async () => {
      throw new Error('disk full');
    };
    host.usage = [use(3)];
    await clock.pass(10_000);
    await until(() => first.ear.usages.length === 1);
    first.ear.takes = () => {};
    host.usage = [use(4)];
    await passUntil(() => first.ear.usages.length === 3);
    expect(first.ear.usages).toEqual([use(3), use(3), use(4)]);
  });

  it('outlives the Host when it is stopped and nobody was there to take it', async () => {
    host.usage = [use(1)];
    await end.close();
    await listen();
    const { ear } = controller(1);
    await until(() => ear.usages.length === 1);
    expect(ear.usages).toEqual([use(1)]);
    expect(existsSync(join(dir, 'usage.json'))).toBe(false);
  });
});

it('loses no usage when the Host is told to stop and, while it does, to hurry', async () => {
  const { ear } = controller(1);
  await until(() => ear.heard.length === 1);
  ear.takes = () => new Promise<void>(() => {});
  host.usage = [use(3)];
  await clock.pass(10_000);
  await until(() => ear.usages.length === 1);
  host.usage = [use(4)];
  await Promise.all([end.close(), end.close()]);
  await listen();
  const next = controller(2);
  await until(() => next.ear.usages.length > 0);
  expect(next.ear.usages).toEqual([use(3), use(4)]);
});

async function raw(): Promise<Socket> {
  const socket = connect(socketPath);
  await once(socket, 'connect');
  return socket;
}
