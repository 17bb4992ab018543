import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reapOrphans } from '../../src/runtimes/orphans.ts';
import { startTicksOf } from '../../src/runtimes/proc.ts';
import { ProcessRecords } from '../../src/runtimes/process-records.ts';
import { firstWord, lives, processRun, until, withoutRemoval, World } from './world.ts';

let world: World;
const strangers: ChildProcess[] = [];
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  for (const stranger of strangers.splice(0)) stranger.kill('SIGKILL');
  await world.close();
});

/** A process that is none of ours. */
async function stranger(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', detached: true });
  strangers.push(child);
  await once(child, 'spawn');
  return child.pid!;
}

describe('what an earlier host left running', () => {
  it('is ended: the process, and the child that had moved away and ignores SIGTERM', async () => {
    const running = await world.start(processRun('leaver'));
    const { child } = await firstWord<{ child: number }>(running);
    await until('the child is up', () => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('stubborn'));
    const reaped = await reapOrphans(world.dataDir, { graceMs: 200 });
    expect(reaped).toEqual({ instances: ['subject-00000000-0-1'], processes: 2, left: [] });
    expect([running.pid!, child].map(lives)).toEqual([false, false]);
    expect(world.records()).toEqual([]);
  });

  it('is found by its marker when there is no record of it, or one that cannot be read', async () => {
    const running = await world.start(processRun('stubborn'));
    await firstWord(running);
    writeFileSync(join(world.dataDir, 'instances/subject-00000000-0-1.json'), '{"id":');
    expect((await reapOrphans(world.dataDir, { graceMs: 0 })).processes).toBe(1);
    expect(lives(running.pid!)).toBe(false);
  });

  it('is found by its record when its environment does not say where it comes from', async () => {
    const pid = await stranger();
    const records = new ProcessRecords(world.dataDir);
    records.write({ id: 'other-1', service: 'other', pid, startTicks: startTicksOf(pid) });
    expect(await reapOrphans(world.dataDir)).toEqual({ instances: ['other-1'], processes: 1, left: [] });
    expect(lives(pid)).toBe(false);
  });

  it('is never somebody else who was given the same pid', async () => {
    const pid = await stranger();
    const records = new ProcessRecords(world.dataDir);
    records.write({ id: 'other-1', service: 'other', pid, startTicks: startTicksOf(pid)! - 1 });
    expect(await reapOrphans(world.dataDir)).toEqual({ instances: [], processes: 0, left: [] });
    expect(lives(pid)).toBe(true);
    expect(world.records()).toEqual([]);
  });

  it('is not what runs for another data directory', async () => {
    const other = new World();
    const running = await other.start(processRun('stubborn'));
    await reapOrphans(world.dataDir);
    expect(lives(running.pid!)).toBe(true);
    await other.close();
  });

  it('was about to be started when the host died: the intention goes, with its folder', async () => {
    const records = new ProcessRecords(world.dataDir);
    records.write({ id: 'other-1', service: 'other', pid: null, startTicks: null });
    mkdirSync(join(world.dataDir, 'work/other-1'), { recursive: true });
    expect((await reapOrphans(world.dataDir)).processes).toBe(0);
    expect(world.records()).toEqual([]);
  });

  it('keeps no host from starting when its folder or record cannot be removed', async () => {
    const pid = await stranger();
    const records = new ProcessRecords(world.dataDir);
    records.write({ id: 'other-1', service: 'other', pid, startTicks: startTicksOf(pid) });
    await withoutRemoval('other-1', async () => {
      expect(await reapOrphans(world.dataDir)).toMatchObject({ instances: ['other-1'], left: [] });
    });
    expect(lives(pid)).toBe(false);
    expect((await reapOrphans(world.dataDir)).instances).toEqual([]);
    expect(world.records()).toEqual([]);
  });

  it('is nothing in a data directory that no host has used', async () => {
    expect(await reapOrphans(join(world.dataDir, 'unused'))).toEqual({ instances: [], processes: 0, left: [] });
  });
});
