/**
 * run.json: who runs on a data directory, and where. Written by the supervisor alone; whoever reads it must expect that
 * those named are gone. A process is named by pid and start time, so that a reused pid is not mistaken for it.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataDir } from '../base/data-dir.ts';
import { FairleadError } from '../base/error.ts';
import { startTicksOf } from '../runtimes/proc.ts';
import type { RunFacts } from './child.ts';

interface RunFile extends RunFacts {
  /** pid → start time in clock ticks since boot, of each process named; null where the system does not say. */
  readonly startTimes: Readonly<Record<string, number | null>>;
}

/** Processes of a supervisor that was killed end by themselves when they notice; this is how long that may take. */
const longestFarewellMs = 20_000;

/**
 * Makes sure that nobody runs on this data directory: throws StoreLocked when a supervisor does, and waits for the processes
 * that one left behind.
 */
export async function claim(dataDir: DataDir): Promise<void> {
  const file = read(dataDir);
  if (file === null) return;
  const alive = (pid: number | null): pid is number => pid !== null && isAlive(pid, file.startTimes[pid] ?? null);
  if (alive(file.supervisorPid))
    throw new FairleadError('StoreLocked', `Fairlead runs on ${dataDir.root} already (pid ${file.supervisorPid}).`, {
      data: { pid: file.supervisorPid, dataDir: dataDir.root },
    });
  for (let waitedMs = 0; alive(file.controllerPid) || alive(file.hostPid); waitedMs += 50) {
    if (waitedMs > 2 * longestFarewellMs)
      throw new FairleadError('StoreLocked', `A process of an earlier run on ${dataDir.root} cannot be ended.`, {
        data: { pids: [file.controllerPid, file.hostPid] },
      });
    if (waitedMs > longestFarewellMs) for (const pid of [file.controllerPid, file.hostPid]) if (alive(pid)) process.kill(pid, 'SIGKILL');
    await sleep(50);
  }
}

export function write(dataDir: DataDir, facts: RunFacts): void {
  const pids = [facts.supervisorPid, facts.controllerPid, facts.hostPid].filter((pid) => pid !== null);
  const file: RunFile = { ...facts, startTimes: Object.fromEntries(pids.map((pid) => [pid, startTicksOf(pid)])) };
  const staged = `${dataDir.runFile}.new`;
  writeFileSync(staged, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(staged, dataDir.runFile);
}

export function remove(dataDir: DataDir): void {
  rmSync(dataDir.runFile, { force: true });
}

function read(dataDir: DataDir): RunFile | null {
  try {
    const file = JSON.parse(readFileSync(dataDir.runFile, 'utf8')) as Partial<RunFile>;
    return Number.isSafeInteger(file.supervisorPid) ? ({ startTimes: {}, controllerPid: null, hostPid: null, ...file } as RunFile) : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number, startTime: number | null): boolean {
  if (startTime !== null) return startTicksOf(pid) === startTime;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
