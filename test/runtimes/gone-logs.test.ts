/** The logs of services that are gone, over a real folder and a clock that stands still. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GoneLogs } from '../../src/runtimes/gone-logs.ts';
import { ManualClock } from '../host/world.ts';

const dayMs = 86_400_000;
const tenMinutesMs = 600_000;

let folder: string;
let clock: ManualClock;
let there: Set<string>;
let logs: GoneLogs;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-gone-logs-'));
  clock = new ManualClock();
  // The folders of this test are as old as it says, whenever the test runs.
  clock.jump(Date.now() - clock.now());
  there = new Set();
  logs = new GoneLogs({ folder, isThere: (service) => there.has(service), clock });
});
afterEach(async () => {
  await logs.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Files of a service, each last written so many days ago. */
function wrote(service: string, files: Readonly<Record<string, number>>): void {
  mkdirSync(join(folder, service));
  const ages = Object.entries(files).map(([file, days]) => [join(folder, service, file), days] as const);
  for (const [path] of ages) writeFileSync(path, 'x');
  const eldest = Math.max(...ages.map(([, days]) => days));
  for (const [path, days] of [...ages, [join(folder, service), eldest] as const]) {
    const at = (clock.now() - days * dayMs) / 1_000;
    utimesSync(path, at, at);
  }
}

/** Lets it look once, and waits until it has. */
async function look(): Promise<void> {
  await clock.pass(tenMinutesMs);
  await logs.close();
  logs = new GoneLogs({ folder, isThere: (service) => there.has(service), clock });
}

it('stay for thirty days after they were last written, and then go', async () => {
  wrote('old', { 'a.log': 31, 'a.log.1': 40 });
  wrote('young', { 'a.log': 29, 'a.log.1': 40 });
  await look();
  expect(readdirSync(folder)).toEqual(['young']);
  expect(readdirSync(join(folder, 'young'))).toEqual(['a.log', 'a.log.1']);
  await clock.pass(dayMs);
  await look();
  expect(readdirSync(folder)).toEqual([]);
});

it('stay however old they are while there is a service of that name', async () => {
  there.add('silent');
  wrote('silent', { 'a.log': 400 });
  await look();
  expect(readdirSync(folder)).toEqual(['silent']);
});

it('are those of the hundred services that wrote last', async () => {
  for (let days = 0; days < 103; days++) wrote(`s${days}`, { 'a.log': days / 10 });
  there.add('s102');
  await look();
  const left = new Set(readdirSync(folder));
  expect(left.size).toBe(101);
  expect([left.has('s99'), left.has('s100'), left.has('s101'), left.has('s102')]).toEqual([true, false, false, true]);
});

it('are looked at again and again, until the end', async () => {
  await clock.pass(tenMinutesMs);
  wrote('late', { 'a.log': 31 });
  await look();
  expect(readdirSync(folder)).toEqual([]);
  await logs.close();
  wrote('later', { 'a.log': 31 });
  await clock.pass(10 * tenMinutesMs);
  expect(readdirSync(folder)).toEqual(['later']);
});

it("are all that goes: the processes' own logs, links and what somebody put there stay", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'fairlead-elsewhere-'));
  writeFileSync(join(folder, 'fairlead-host.log'), 'x');
  utimesSync(join(folder, 'fairlead-host.log'), 0, 0);
  writeFileSync(join(elsewhere, 'mine.log'), 'x');
  utimesSync(join(elsewhere, 'mine.log'), 0, 0);
  utimesSync(elsewhere, 0, 0);
  symlinkSync(elsewhere, join(folder, 'link'));
  mkdirSync(join(folder, 'kept/by-hand'), { recursive: true });
  for (const path of ['kept/by-hand', 'kept']) utimesSync(join(folder, path), 0, 0);
  wrote('old', { 'a.log': 31 });
  await look();
  expect(readdirSync(folder)).toEqual(['fairlead-host.log', 'kept', 'link']);
  expect(readdirSync(join(folder, 'kept'))).toEqual(['by-hand']);
  expect(readdirSync(elsewhere)).toEqual(['mine.log']);
  rmSync(elsewhere, { recursive: true });
});

it('disturb nobody where there are none', async () => {
  rmSync(folder, { recursive: true });
  await look();
  expect(() => readdirSync(folder)).toThrow('ENOENT');
});
