/**
 * Ends what a Host that was killed left running: by record (pid and start time both equal, so a pid that was given to
 * somebody else is safe) and by marker (what had moved away). Only to be called while no Host of the data directory lives.
 */
import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { dataDirOf } from '../base/data-dir.ts';
import { processTable, type ProcessFacts } from './proc.ts';
import { ProcessRecords, type ProcessRecord } from './process-records.ts';
import { pickMembers, signal, type Tree } from './process-tree.ts';
import { removeWorkFolder } from './work-folder.ts';

export interface Reaped {
  /** Ids of Instances of which something was still running. */
  readonly instances: readonly string[];
  /** Processes that were told to end. */
  readonly processes: number;
  /** Pids that nothing could end. Empty but for processes stuck in the kernel. */
  readonly left: readonly number[];
}

const pollMs = 20;
/** How long a process that was killed may take to vanish before it is reported as left. */
const killPatienceMs = 5_000;

/** SIGTERM to all at once, SIGKILL after `graceMs` (1,000 unless told otherwise). Resolves when nothing of it is left. */
export async function reapOrphans(dataDir: string, options: { graceMs?: number } = {}): Promise<Reaped> {
  if (!existsSync(dataDirOf(dataDir).instances)) return { instances: [], processes: 0, left: [] };
  const records = new ProcessRecords(dataDir);
  const recorded = records.readAll();
  const trees = new Map<string, Tree>(recorded.map((record) => [record.id, treeOf(record, records.markerOf(record.id))]));
  const told = new Map<number, NodeJS.Signals>();
  const concerned = new Set<string>();
  const startedAt = performance.now();
  const graceMs = options.graceMs ?? 1_000;
  for (;;) {
    const orphans = findOrphans(trees, await processTable(), records.markerPrefix, concerned);
    const elapsedMs = performance.now() - startedAt;
    if (orphans.length === 0 || elapsedMs > graceMs + killPatienceMs) {
      if (orphans.length === 0) forget(dataDir, recorded, records);
      return { instances: [...concerned].sort(), processes: told.size, left: orphans.map(({ pid }) => pid) };
    }
    const wanted = elapsedMs < graceMs ? 'SIGTERM' : 'SIGKILL';
    for (const { pid } of orphans) {
      if (told.get(pid) !== wanted) signal(pid, wanted);
      told.set(pid, wanted);
    }
    await wait(pollMs);
  }
}

/** A recorded pid counts only with its start time; where the system does not say one, the marker alone decides. */
function treeOf({ pid, startTicks }: ProcessRecord, marker: string): Tree {
  const certain = pid !== null && startTicks !== null;
  return { marker, pid: certain ? pid : null, startTicks, known: new Map() };
}

function findOrphans(
  trees: Map<string, Tree>,
  table: readonly ProcessFacts[],
  prefix: string,
  concerned: Set<string>,
): readonly ProcessFacts[] {
  const self = process.pid;
  for (const { pid, marker } of table) {
    if (pid === self || marker === null || !marker.startsWith(prefix)) continue;
    const id = marker.slice(prefix.length);
    if (!trees.has(id)) trees.set(id, { marker, pid: null, startTicks: null, known: new Map() });
  }
  const found = new Map<number, ProcessFacts>();
  for (const [id, tree] of trees) {
    // Once its leader is gone the number of the session is no proof any more that a process is of it: others may bear it.
    const leads = table.some(({ pid, startTicks }) => pid === tree.pid && startTicks === tree.startTicks);
    for (const process of pickMembers(leads ? tree : { ...tree, pid: null }, table)) {
      found.set(process.pid, process);
      concerned.add(id);
    }
  }
  return [...found.values()];
}

function forget(dataDir: string, recorded: readonly ProcessRecord[], records: ProcessRecords): void {
  for (const { id } of recorded) {
    records.remove(id);
    removeWorkFolder(dataDir, id);
  }
}
