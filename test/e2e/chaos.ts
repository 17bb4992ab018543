/**
 * What is done to a Stand under load, and what must hold afterwards. Each scenario returns its figures and a list of losses,
 * empty when all held. Used by bench/chaos.ts with full counts and by the end-to-end test with small ones.
 */
import { Load, type Tally } from './load.ts';
import { killHard, pause, type EchoSpec, type Stand } from './stand.ts';

export interface Outcome {
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  /** What was lost, in words; empty when everything held. */
  readonly losses: readonly string[];
}

/** Longest that one call may take: limits.callTimeout of the echo services and some for the machine. */
const callDeadlineMs = 150_000;
export const services: readonly EchoSpec[] = [
  { name: 'alpha', transport: 'stdio', tag: 'r0' },
  { name: 'beta', transport: 'http', tag: 'r0' },
];
const names = services.map((service) => service.name);
/** How an update is broken, and the word that `describe` must show for it. */
const breakages = [
  ['no-such-command', 'CommandNotFound'],
  ['hang', 'HandshakeTimeout'],
  ['unwell', 'CheckFailed'],
] as const;

/** `good` updates and `broken` ones, in turn over both services. `run` tells Revisions and calls of one run from another's. */
export async function updates(stand: Stand, sessions: number, good: number, broken: number, run = 'updates'): Promise<Outcome> {
  const load = begin(stand, run, sessions);
  const losses: string[] = [];
  let promoted = 0;
  let returned = 0;
  for (let index = 0; index < Math.max(good, broken); index += 1) {
    const service = services[index % services.length]!;
    if (index < good) {
      const result = await roll(stand, { ...service, tag: `good-${run}-${index}` });
      if (result === 'Promoted') promoted += 1;
      else losses.push(`update good-${index} of ${service.name} ended ${result}`);
    }
    if (index < broken) {
      const [mode, reason] = breakages[Math.floor(index / services.length) % breakages.length]!;
      const before = (await stand.services())?.get(service.name)?.status.stable;
      const result = await roll(stand, { ...service, tag: `broken-${run}-${index}`, mode });
      const after = (await stand.services())?.get(service.name)?.status.stable;
      const told = (await stand.cli('describe', 'service', service.name)).stdout;
      if (result !== 'RolledBack' || after !== before)
        losses.push(`broken update ${index} (${mode}) of ${service.name} ended ${result}, stable ${before} → ${after}`);
      else if (!told.includes(reason)) losses.push(`describe ${service.name} does not say ${reason}\n${told}`);
      else returned += 1;
    }
  }
  const { tally, audit } = await end(stand, load);
  losses.push(...lossesOf(tally, audit, 'nothing may fail'));
  return { name: 'updates', figures: { promoted, returned, ...figuresOf(tally, audit) }, losses };
}

/** Kills the controller at random moments of updates; the end state must be what the same updates give without. */
export async function controllerKills(stand: Stand, sessions: number, kills: number, random: () => number): Promise<Outcome> {
  const last = (tag: string): EchoSpec[] => services.map((service) => ({ ...service, tag }));
  for (const spec of last('settled')) await roll(stand, spec);
  await stand.untilActive(names);
  const expected = await endState(stand);

  const load = begin(stand, 'controller-kills', sessions);
  const losses: string[] = [];
  for (let index = 0; index < kills; index += 1) {
    const service = services[index % services.length]!;
    const mode = index % 5 === 4 ? 'unwell' : 'ok';
    stand.declare({ ...service, tag: `${mode === 'ok' ? 'kill' : 'broken-kill'}-${index}`, mode });
    await pause(random() * 1_500);
    await killAndAwait(stand, 'controllerPid');
  }
  for (const spec of last('settled')) stand.declare(spec);
  await stand.until('the settled Revision is stable again', (all) => names.every((name) => isSettled(all, name, expected)));
  const state = await endState(stand);
  if (JSON.stringify(state) !== JSON.stringify(expected))
    losses.push(`end state differs\n  without kills: ${JSON.stringify(expected)}\n  with kills:    ${JSON.stringify(state)}`);
  const { tally, audit } = await end(stand, load);
  losses.push(...lossesOf(tally, audit, 'nothing may fail'));
  return { name: 'controller kills', figures: { kills, ...figuresOf(tally, audit) }, losses };
}

/** Kills the host: nothing of it may survive, everything must come back, and every call must end. */
export async function hostKills(stand: Stand, sessions: number, kills: number, random: () => number): Promise<Outcome> {
  const load = begin(stand, 'host-kills', sessions);
  const losses: string[] = [];
  let orphans = 0;
  let longestBackMs = 0;
  for (let index = 0; index < kills; index += 1) {
    await pause(200 + random() * 500);
    const before = new Set(stand.servicePids());
    const killedAt = performance.now();
    await killAndAwait(stand, 'hostPid');
    await stand.until('every instance is another process', (all) => names.every((name) => isServedByOthers(all, name, before)));
    await stand.untilActive(names);
    longestBackMs = Math.max(longestBackMs, performance.now() - killedAt);
    const survivors = stand.servicePids().filter((pid) => before.has(pid));
    orphans += survivors.length;
    if (survivors.length > 0) losses.push(`after kill ${index} of the host ${survivors.length} of its processes lived on`);
  }
  const okBefore = load.tally.ok;
  await waitFor(() => load.tally.ok > okBefore + sessions, callDeadlineMs, 'calls succeed after the last kill');
  const { tally, audit } = await end(stand, load);
  losses.push(...lossesOf(tally, audit, 'errors may be retryable'));
  return { name: 'host kills', figures: { kills, orphans, longestBackMs: Math.round(longestBackMs), ...figuresOf(tally, audit) }, losses };
}

/** Kills a service's process: calls in flight get an error that may be tried again, later ones wait for its return. */
export async function serviceKills(stand: Stand, sessions: number, killsEach: number): Promise<Outcome> {
  const load = begin(stand, 'service-kills', sessions);
  const losses: string[] = [];
  let kills = 0;
  for (let index = 0; index < killsEach; index += 1) {
    for (const name of names) {
      const pids = (await stand.services())?.get(name)?.status.instances.flatMap(({ pid }) => (pid === null ? [] : [pid])) ?? [];
      for (const pid of pids) killHard(pid);
      kills += pids.length;
      await stand.until(`${name} runs again`, (all) => isServedByOthers(all, name, new Set(pids)));
      await stand.untilActive([name]);
    }
  }
  const okBefore = load.tally.ok;
  await waitFor(() => load.tally.ok > okBefore + sessions, callDeadlineMs, 'calls succeed after the last kill');
  const { tally, audit } = await end(stand, load);
  // Each kill may cost the calls that it found in flight, one for each session that calls this service; later ones must wait.
  if (tally.retryable > (kills * sessions) / names.length)
    losses.push(`${tally.retryable} errors, more than ${kills} kills can have met in flight`);
  if (kills === 0) losses.push('no instance with a pid was found to kill');
  losses.push(...lossesOf(tally, audit, 'errors may be retryable'));
  return { name: 'service kills', figures: { kills, ...figuresOf(tally, audit) }, losses };
}

/** Declares a Revision and follows it to its verdict. */
async function roll(stand: Stand, spec: EchoSpec): Promise<string> {
  const before = await stand.lastRollout(spec.name);
  stand.declare(spec);
  const all = await stand.until(
    `${spec.name} ${spec.tag} has its verdict`,
    (services) => (services.get(spec.name)?.status.history[0]?.number ?? 0) > before,
  );
  return all.get(spec.name)!.status.history[0]!.phase;
}

async function killAndAwait(stand: Stand, which: 'controllerPid' | 'hostPid'): Promise<void> {
  const pid = stand.runFile()?.[which] ?? null;
  if (pid === null) throw new Error(`run.json names no ${which}\n${stand.output.slice(-2_000)}`);
  killHard(pid);
  await waitFor(
    () => ![null, pid].includes(stand.runFile()?.[which] ?? null),
    180_000,
    `another ${which} after ${pid}\n${stand.output.slice(-2_000)}`,
  );
}

type Services = NonNullable<Awaited<ReturnType<Stand['services']>>>;

function isServedByOthers(all: Services, name: string, before: ReadonlySet<number>): boolean {
  const status = all.get(name)?.status;
  const live = status?.instances.filter(({ phase, pid }) => phase === 'connected' && pid !== null) ?? [];
  return live.length > 0 && live.every(({ pid }) => !before.has(pid!));
}

function isSettled(all: Services, name: string, expected: Record<string, { stable: string | null }>): boolean {
  const status = all.get(name)?.status;
  return status?.stable === expected[name]!.stable && status.state === 'Active' && status.rollout === null && status.instances.length === 1;
}

interface EndState {
  readonly stable: string | null;
  readonly [field: string]: unknown;
}

/** What must be equal after a run with faults and one without: all that is said of each service but names that count starts. */
async function endState(stand: Stand): Promise<Record<string, EndState>> {
  const settled = (all: Services): boolean =>
    names.every((name) => all.get(name)?.status.health === 'HEALTHY' && all.get(name)?.status.instances.length === 1);
  const all = await stand.until('everything is healthy and settled', settled);
  const entries = names.map((name): [string, EndState] => {
    const { state, health, stable, target, rollout, replicas, readyInstances, conditions, instances } = all.get(name)!.status;
    const said = conditions.map((condition) => `${condition.type}=${condition.status}/${condition.reason}`).sort();
    const duties = instances.map(({ role, duty, phase }) => `${role} ${duty} ${phase}`);
    return [name, { state, health, stable, target, rollout, replicas, readyInstances, said, duties }];
  });
  return { ...Object.fromEntries(entries), processes: { stable: null, count: stand.servicePids().length } };
}

function begin(stand: Stand, run: string, sessions: number): Load {
  const load = new Load(run, stand.aims(sessions, names), callDeadlineMs);
  load.start();
  return load;
}

type Audit = ReturnType<Load['audit']>;

async function end(stand: Stand, load: Load): Promise<{ tally: Tally; audit: Audit }> {
  const tally = await load.stop();
  return { tally, audit: load.audit(stand.logDir) };
}

function figuresOf(tally: Tally, audit: Audit): Record<string, number> {
  const { ok, retryable, failed, misrouted, hung, reopened } = tally;
  return { calls: audit.begun, ok, retryable, failed, misrouted, hung, reopened, doubled: audit.doubled };
}

/** What no fault of the scenario excuses, in words, with samples. */
function lossesOf(tally: Tally, audit: Audit, strictness: 'nothing may fail' | 'errors may be retryable'): string[] {
  const { samples } = tally;
  const kinds: readonly [what: string, count: number, samples: readonly string[]][] = [
    ['failed calls', tally.failed, samples.failed],
    ['misrouted calls', tally.misrouted, samples.misrouted],
    ['hung calls', tally.hung, samples.hung],
    ['calls that met a retryable error', strictness === 'nothing may fail' ? tally.retryable : 0, samples.retryable],
    ['doubled calls', audit.doubled, []],
    ['answers that no service gave', audit.phantom, []],
    ['loads without one success', tally.ok === 0 ? 1 : 0, []],
  ];
  return kinds.flatMap(([what, count, examples]) => (count > 0 ? [[`${count} ${what}`, ...examples].join('\n    ')] : []));
}

async function waitFor(holds: () => boolean, timeoutMs: number, what: string): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await pause(20);
  }
}
