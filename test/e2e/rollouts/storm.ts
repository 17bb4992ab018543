/**
 * The storm: every service goes from change to change, good ones and bad ones, while controllers and Instances are killed at
 * random moments. What is done and what comes of it goes into the ledger; nothing is judged here.
 */
import type { ServiceResource } from '../../../src/model/resource.ts';
import { killHard, pause, type Stand } from '../stand.ts';
import type { Mode, Part } from './cast.ts';
import type { Change, Ledger } from './ledger.ts';

/** Of ten changes so many are good. */
const goodOfTen = 6;
const lookEveryMs = 100;
/** A Rollout that has no verdict after so long, in ms, stands still: the slowest take a tenth of it where nobody else works. */
const rolloutDeadlineMs = 300_000;

export interface Storm {
  /** Changes of each service. */
  readonly changes: number;
  /** Time between two kills in ms; null: nothing is killed. A controller has at least as long as the one before it took to come. */
  readonly controllerKillEveryMs: { readonly least: number; readonly most: number } | null;
  readonly instanceKillEveryMs: { readonly least: number; readonly most: number } | null;
  readonly random: () => number;
  readonly onChange: (change: Change) => void;
}

/** Ends when every service has been through its changes. Rejects when a Rollout gets no verdict in time. */
export async function storm(stand: Stand, ledger: Ledger, parts: readonly Part[], settings: Storm): Promise<void> {
  const over = new AbortController();
  const killers = [killControllers(stand, ledger, settings, over.signal), killInstances(stand, ledger, parts, settings, over.signal)];
  const modes = parts.map((part) => modesOf(part, settings));
  try {
    await Promise.all(parts.map(async (part, index) => changeAgainAndAgain(stand, ledger, part, modes[index]!, settings)));
  } finally {
    over.abort();
    await Promise.all(killers);
  }
}

/** Good and bad in random order, each way to be bad as often as the others; the first is good. */
function modesOf({ bad }: Part, { changes, random }: Storm): Mode[] {
  const good = Math.max(1, Math.round((changes * goodOfTen) / 10));
  const from = Math.floor(random() * bad.length);
  const modes = Array.from({ length: changes }, (_, index): Mode => (index < good ? 'ok' : bad[(from + index) % bad.length]!));
  for (let index = modes.length - 1; index > 1; index -= 1) {
    const other = 1 + Math.floor(random() * index);
    [modes[index], modes[other]] = [modes[other]!, modes[index]!];
  }
  return modes;
}

async function changeAgainAndAgain(stand: Stand, ledger: Ledger, part: Part, modes: readonly Mode[], settings: Storm): Promise<void> {
  let stableTag = 'r0';
  for (const [index, mode] of modes.entries()) {
    const before = await lastNumber(stand, part.spec.name);
    const change: Change = {
      part,
      tag: `${mode}-${index + 1}`,
      mode,
      stableTag,
      declaredAt: Date.now(),
      stillSharedAt: 0,
      targetKilled: false,
      verdict: null,
    };
    ledger.changes.push(change);
    stand.declare({ ...part.spec, tag: change.tag, mode });
    await follow(stand, ledger, change, before);
    if (change.verdict!.phase === 'Promoted') stableTag = change.tag;
    settings.onChange(change);
    await pause(settings.random() * 300);
  }
}

async function lastNumber(stand: Stand, name: string): Promise<number> {
  for (;;) {
    const seen = await stand.service(name);
    if (seen !== null) return seen.status.history[0]?.number ?? 0;
    await pause(lookEveryMs);
  }
}

/** Looks until the Rollout of the change has its verdict. */
async function follow(stand: Stand, ledger: Ledger, change: Change, before: number): Promise<void> {
  const { name } = change.part.spec;
  const deadline = Date.now() + rolloutDeadlineMs;
  let seen: ServiceResource | null = null;
  for (;;) {
    const lookedAt = Date.now();
    const look = await stand.service(name);
    if (look !== null) {
      seen = look;
      const { rollout, history, instances } = look.status;
      for (const { name: instance, startedAt, connectedAt } of instances)
        if (startedAt !== null && connectedAt !== null) ledger.starts.set(instance, Date.parse(connectedAt) - Date.parse(startedAt));
      const [verdict] = history;
      if (verdict !== undefined && verdict.number > before) {
        if (verdict.number !== before + 1) throw new Error(`${name}: one change gave rollouts ${before + 1} to ${verdict.number}`);
        change.verdict = verdict;
        return;
      }
      if (rollout !== null && rollout.phase !== 'Switching') change.stillSharedAt = lookedAt;
    }
    if (Date.now() > deadline) {
      const { rollout, conditions, instances } = seen?.status ?? {};
      throw new Error(
        `${name} ${change.tag} has no verdict: ${JSON.stringify({ rollout, conditions, instances })}\n${stand.output.slice(-2_000)}`,
      );
    }
    await pause(lookEveryMs);
  }
}

async function killControllers(stand: Stand, ledger: Ledger, { controllerKillEveryMs, random }: Storm, over: AbortSignal): Promise<void> {
  if (controllerKillEveryMs === null) return;
  for (let cameAfterMs = 0; ;) {
    if (!(await waited(Math.max(between(controllerKillEveryMs, random), cameAfterMs), over))) return;
    const pid = stand.runFile()?.controllerPid ?? null;
    if (pid === null) continue;
    const outage = { from: Date.now(), to: Infinity };
    ledger.outages.push(outage);
    killHard(pid);
    while ([null, pid].includes(stand.runFile()?.controllerPid ?? null) || (await stand.services()) === null) await pause(20);
    outage.to = Date.now();
    cameAfterMs = outage.to - outage.from;
  }
}

/** Kills one Instance at a time; of one Revision at most two in all, for they come back later each time, and of a target one. */
async function killInstances(
  stand: Stand,
  ledger: Ledger,
  parts: readonly Part[],
  { instanceKillEveryMs, random }: Storm,
  over: AbortSignal,
): Promise<void> {
  if (instanceKillEveryMs === null) return;
  const killedOf = new Map<string, number>();
  while (await waited(between(instanceKillEveryMs, random), over)) {
    const { name } = parts[Math.floor(random() * parts.length)]!.spec;
    const instances = (await stand.service(name))?.status.instances.filter(({ phase, pid }) => phase === 'connected' && pid !== null) ?? [];
    const instance = instances[Math.floor(random() * instances.length)];
    if (instance === undefined) continue;
    const change = ledger.changesOf(name).at(-1);
    const killed = killedOf.get(instance.revision) ?? 0;
    if (killed >= 2 || (instance.role === 'target' && killed >= 1)) continue;
    killedOf.set(instance.revision, killed + 1);
    if (instance.role === 'target' && change !== undefined) change.targetKilled = true;
    ledger.kills.push({ service: name, at: Date.now() });
    killHard(instance.pid!);
  }
}

function between({ least, most }: { readonly least: number; readonly most: number }, random: () => number): number {
  return least + random() * (most - least);
}

/** False when it was over before. */
async function waited(ms: number, over: AbortSignal): Promise<boolean> {
  if (over.aborted) return false;
  return new Promise((resolve) => {
    const timer = setTimeout(() => done(true), ms);
    const aborted = (): void => done(false);
    const done = (passed: boolean): void => {
      clearTimeout(timer);
      over.removeEventListener('abort', aborted);
      resolve(passed);
    };
    over.addEventListener('abort', aborted);
  });
}
