/**
 * Everything that one Instance's process has become: its session, its descendants, and whatever carries its marker, also
 * after setsid and after its parent died. Only a process that cleared its environment and left the session and whose parent
 * was gone before anybody looked gets away; a PID namespace is the only remedy for that.
 */
import { processTable, type ProcessFacts } from './proc.ts';

export interface Tree {
  readonly marker: string;
  /** Leader of the Instance's session; null when it is not known. */
  readonly pid: number | null;
  readonly startTicks: number | null;
  /** Pid → start of every process that was ever seen to belong to it. Grows. */
  readonly known: Map<number, number>;
}

/** The live processes of a Tree now. Remembers them, so that they are known when their parents are gone. */
export async function membersOf(tree: Tree): Promise<ProcessFacts[]> {
  return pickMembers(tree, await processTable());
}

/** Pure but for what it adds to `tree.known`. */
export function pickMembers(tree: Tree, table: readonly ProcessFacts[]): ProcessFacts[] {
  const leader = table.find(({ pid }) => pid === tree.pid);
  // The kernel gives a pid away again only when no session bears it any more: another leader means another session.
  const sessionIsOurs = tree.pid !== null && (leader === undefined || leader.startTicks === tree.startTicks);
  const members = new Map<number, ProcessFacts>();
  for (const process of table) {
    const known = tree.known.get(process.pid) === process.startTicks;
    if (known || process.marker === tree.marker || (sessionIsOurs && process.session === tree.pid)) members.set(process.pid, process);
  }
  for (let grown = -1; grown !== members.size;) {
    grown = members.size;
    for (const process of table) if (members.has(process.parent)) members.set(process.pid, process);
  }
  members.delete(process.pid);
  for (const { pid, startTicks } of members.values()) tree.known.set(pid, startTicks);
  return [...members.values()];
}

/** Sends a signal; a process that is gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended in between, or is not ours to signal: the next look at the table tells.
  }
}
