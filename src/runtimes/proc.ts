/**
 * What the kernel says about processes, read from /proc (Linux). Elsewhere everything here answers "nothing known", and
 * callers then rely on what they hold themselves: the child and its process group.
 */
import { readFile, readdir, readlink } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  /** Clock ticks between boot and the process's start: with the pid it names one process for as long as the machine is up. */
  readonly startTicks: number;
  readonly zombie: boolean;
  /** The value of FAIRLEAD_INSTANCE in the environment it was started with; null where there is none or it cannot be read. */
  readonly marker: string | null;
}

const descriptorPollMs = 50;

/** Name of the environment variable that marks every process of an Instance, however far it has moved away from it. */
export const markerName = 'FAIRLEAD_INSTANCE';

interface Stat {
  readonly parent: number;
  readonly session: number;
  readonly startTicks: number;
  readonly zombie: boolean;
}

/** Fields of /proc/<pid>/stat. The second, the name, may hold blanks and brackets: counting begins behind its last bracket. */
function parseStat(text: string): Stat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent, , session] = fields;
  const startTicks = Number(fields[19]);
  if (state === undefined || !Number.isFinite(startTicks)) return null;
  return { parent: Number(parent), session: Number(session), startTicks, zombie: state === 'Z' || state === 'X' };
}

/** Start of a live process in clock ticks since boot; null when it is gone, a zombie, or not to be known. */
export function startTicksOf(pid: number): number | null {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return stat === null || stat.zombie ? null : stat.startTicks;
  } catch {
    return null;
  }
}

/** Short name of a process (`node`); null when it is gone. */
export async function nameOf(pid: number): Promise<string | null> {
  return (await read(`/proc/${pid}/comm`))?.trim() ?? null;
}

/** Every live process that may be seen. */
async function readProcessTable(): Promise<ProcessFacts[]> {
  const pids = await pidsOf();
  const facts = await Promise.all(pids.map(factsOf));
  return facts.filter((fact) => fact !== null);
}

async function factsOf(pid: number): Promise<ProcessFacts | null> {
  const [text, environment] = await Promise.all([read(`/proc/${pid}/stat`), read(`/proc/${pid}/environ`)]);
  const stat = text === null ? null : parseStat(text);
  if (stat === null || stat.zombie) return null;
  return { pid, ...stat, marker: environment === null ? null : markerIn(environment) };
}

function markerIn(environment: string): string | null {
  const prefix = `${markerName}=`;
  const at = environment.startsWith(prefix) ? 0 : environment.indexOf(`\0${prefix}`) + 1;
  if (at === 0 && !environment.startsWith(prefix)) return null;
  const end = environment.indexOf('\0', at);
  return environment.slice(at + prefix.length, end < 0 ? undefined : end);
}

async function pidsOf(): Promise<number[]> {
  const names = await orNull(() => readdir('/proc'));
  return (names ?? []).filter((name) => /^\d+$/.test(name)).map(Number);
}

function read(path: string): Promise<string | null> {
  return orNull(() => readFile(path, 'latin1'));
}

/** null when it is not there or not for us to see. A moment without a free descriptor is waited for: it must not look as if nothing ran. */
async function orNull<Found>(look: () => Promise<Found>): Promise<Found | null> {
  for (;;) {
    try {
      return await look();
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code !== 'EMFILE' && code !== 'ENFILE') return null;
      await wait(descriptorPollMs);
    }
  }
}

let running: Promise<unknown> = Promise.resolve();
let next: Promise<ProcessFacts[]> | null = null;

/**
 * The process table as of a moment after this call. Whoever asks while a reading is under way shares the one after it, so
 * that a thousand Instances that stop at once cost a few readings, not a thousand.
 */
export function processTable(): Promise<ProcessFacts[]> {
  if (next === null) {
    const following = running.then(() => {
      next = null;
      return readProcessTable();
    });
    next = following;
    running = following;
  }
  return next;
}

/** Pids (of those given, or all that may be seen) that hold the listening TCP socket of a port; null: not to be known. */
export async function listenersOn(port: number, among?: ReadonlySet<number>): Promise<{ pids: number[]; any: boolean } | null> {
  const tables = [await read('/proc/net/tcp'), await read('/proc/net/tcp6')];
  if (tables[0] === null) return null;
  const inodes = new Set(tables.flatMap((table) => (table === null ? [] : inodesListeningOn(table, port))));
  if (inodes.size === 0) return { pids: [], any: false };
  const candidates = among === undefined ? await pidsOf() : [...among];
  const holds = await Promise.all(candidates.map((pid) => holdsSocket(pid, inodes)));
  return { pids: candidates.filter((_, index) => holds[index]), any: true };
}

/** Lines read `sl local rem st … uid timeout inode`; addresses are `HEX:PORT`, state 0A is LISTEN. */
function inodesListeningOn(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && fields[1]?.endsWith(suffix) === true)
    .map((fields) => fields[9] ?? '');
}

async function holdsSocket(pid: number, inodes: ReadonlySet<string>): Promise<boolean> {
  try {
    const names = await readdir(`/proc/${pid}/fd`);
    const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
    return links.some((link) => link.startsWith('socket:[') && inodes.has(link.slice(8, -1)));
  } catch {
    return false;
  }
}
