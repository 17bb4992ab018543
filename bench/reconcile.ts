/**
 * `npm run bench:reconcile [-- --services 1000]`: what it costs to load, to look again, and to take in one change, each held
 * against a floor in the same run: read, YAML parse, schema validation and hash with the same libraries and nothing else.
 * Figures are CPU milliseconds of the whole process, threads included, because the machine may be busy; medians of
 * interleaved rounds. Goals are ratios to a floor that was measured beside what it is held against, so that a slow hour
 * of the machine fails none; only the wait for the next Snapshot is a time, for most of it is the watcher's own rest.
 * Writes bench/results/reconcile.md; exit code 1 when a goal is missed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import serviceSchema from '../schemas/service.schema.json' with { type: 'json' };
import templateSchema from '../schemas/service-template.schema.json' with { type: 'json' };
import { createCompiler } from '../src/compiler/compiler.ts';
import { decide } from '../src/core/decide.ts';
import type { Desired } from '../src/model/desired.ts';
import type { Observation } from '../src/model/observation.ts';
import type { Plan } from '../src/model/plan.ts';
import type { ServiceRecord } from '../src/model/record.ts';
import type { Service } from '../src/model/service.ts';
import type { Snapshot } from '../src/model/snapshot.ts';
import { systemClock } from '../src/processes/clock.ts';
import { createFolderSource } from '../src/sources/folder.ts';

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    part: { type: 'string' },
    root: { type: 'string' },
  },
});
const serviceCount = Number(values.services);
const templateCount = 20;
const changes = 30;
/** Changes that are made and awaited before any is measured: as with passes, the cost once the code is warm counts. */
const warmUpChanges = 30;
const warmUps = 100;
/** A pass with nothing new is held against the floor of one manifest in so many. */
const passShare = 40;

/** CPU milliseconds that this process has used so far. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function templateText(index: number, greeting: string): string {
  return `# What services of team ${index} have in common.
apiVersion: fairlead.dev/v1alpha1
kind: ServiceTemplate
metadata: { name: team-${index} }
params:
  root: { type: string, default: ./data, description: Folder to serve }
  level: { type: string, enum: [debug, info], default: info }
spec:
  transport: stdio
  tags: [team-${index}]
  run:
    command: [node, "server-\${service.name}.js"]
    args: ["\${params.root}", --greeting, ${greeting}]
    env: { LOG_LEVEL: "\${params.level}" }
  limits: { startTimeout: 30s, callTimeout: 60s }
  health:
    checks:
      - { name: alive, type: basic }
`;
}

/** About 600 bytes, as real manifests have. */
function serviceText(index: number, replicas: number): string {
  return `# yaml-language-server: $schema=service.schema.json
apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata:
  name: service-${index}
  labels: { team: team-${index % templateCount}, tier: backend }
spec:
  extends: [team-${index % templateCount}]
  params: { root: ./data/${index} }
  description: Service number ${index} of the bench
  replicas: ${replicas}
  limits: { maxConcurrentCalls: 32 }
  health:
    interval: 15s
    checks:
      - name: lists
        type: functional
        tool: list_directory
        arguments: { path: "\${params.root}" }
        expect: { contains: readme }
      - { name: fast, type: performance, p95: 500ms, errorRate: 1% }
`;
}

function writeManifests(root: string): void {
  for (let index = 0; index < templateCount; index += 1) writeFileSync(join(root, `team-${index}.yaml`), templateText(index, 'hello'));
  for (let index = 0; index < serviceCount; index += 1) {
    const folder = join(root, `team-${index % templateCount}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `service-${index}.yaml`), serviceText(index, 1));
  }
}

/** One file at a time as the floor does it; returns how. Imports what it needs itself: a load does not pay for it. */
async function floorWorker(): Promise<(path: string) => void> {
  const [{ Ajv2020 }, { parse }] = await Promise.all([import('ajv/dist/2020.js'), import('yaml')]);
  const ajv = new Ajv2020({ allErrors: true, strict: false, discriminator: true });
  ajv.addSchema([serviceSchema, templateSchema]);
  const validators = { Service: ajv.getSchema(serviceSchema.$id)!, ServiceTemplate: ajv.getSchema(templateSchema.$id)! };
  return (path) => {
    const bytes = readFileSync(path);
    const value = parse(bytes.toString('utf8')) as { kind: keyof typeof validators };
    if (!validators[value.kind](value)) throw new Error(`${path} is not valid`);
    createHash('sha256').update(bytes).digest('hex');
    createHash('sha256').update(JSON.stringify(value)).digest('hex');
  };
}

function manifestPaths(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.yaml'))
    .map((path) => join(root, path));
}

/** A child process's part: prints its own CPU and wall milliseconds, from its start to its answer. */
async function runPart(part: string, root: string): Promise<void> {
  if (part === 'floor') {
    const work = await floorWorker();
    for (const path of manifestPaths(root)) work(path);
  } else {
    const { compiler, source, services } = await load(root);
    if (services.size !== serviceCount) throw new Error(`${services.size} services`);
    console.log(JSON.stringify({ cpu: cpuMs(), wall: performance.now() }));
    await source.close();
    await compiler.close();
    return;
  }
  console.log(JSON.stringify({ cpu: cpuMs(), wall: performance.now() }));
}

/** A Snapshot of the folder, compiled; and how to wait for the next. */
async function load(root: string) {
  const source = createFolderSource({ name: 'folder', root, clock: systemClock });
  const compiler = createCompiler();
  const snapshots: { snapshot: Snapshot; at: number }[] = [];
  let wake = (): void => {};
  await source.start({
    snapshot: (snapshot) => {
      snapshots.push({ snapshot, at: performance.now() });
      wake();
    },
    unreadable: (message) => {
      throw new Error(message);
    },
  });
  const next = async (): Promise<{ snapshot: Snapshot; at: number }> => {
    while (snapshots.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return snapshots.shift()!;
  };
  const { snapshot } = await next();
  const compilation = await compiler.compile(snapshot);
  const services = new Map(compilation.changed.map((service) => [service.name, service]));
  return { source, compiler, snapshot, services, next };
}

function inChild(part: string, root: string): { cpu: number; wall: number } {
  const argv = [fileURLToPath(import.meta.url), '--part', part, '--root', root, '--services', String(serviceCount)];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as { cpu: number; wall: number };
}

/** A Service that has come all the way to Active, as the heart remembers it and the Host would report it. */
function settle(service: Service): { desired: Desired; record: ServiceRecord | null; observation: Observation | null } {
  const desired: Desired = {
    service: service.name,
    declaration: { kind: 'declared', service },
    dependencies: {},
    group: [],
    contracts: {},
    driftPolicy: 'correct',
    files: null,
    commands: [],
  };
  let record: ServiceRecord | null = null;
  let observation: Observation | null = null;
  for (let pass = 0; pass < 50; pass += 1) {
    const decision = decide(desired, record, observation, settledAt);
    if (decision.record === record && record !== null) return { desired, record, observation };
    record = decision.record;
    if (decision.plan !== null) observation = asPlanned(service, decision.plan);
  }
  throw new Error(`${service.name} does not settle`);
}

const settledAt = 1_800_000_000_000;

function asPlanned(service: Service, plan: Plan): Observation {
  return {
    service: service.name,
    hostId: 'bench',
    planGeneration: plan.generation,
    routeGeneration: plan.generation,
    routed: plan.route?.weights ?? null,
    preview: null,
    shadow: null,
    metrics: [],
    traffic: {},
    instances: plan.instances.map(({ id, revision }) => ({
      id,
      revision,
      phase: 'connected',
      pid: 1,
      port: null,
      startedAt: settledAt,
      connectedAt: settledAt,
      end: null,
      contract: null,
      sessions: 0,
      inFlight: 0,
      checks: service.health.checks.map(({ name, type }) => ({
        name,
        type,
        outcome: 'pass',
        message: '',
        at: settledAt,
        latencyMs: 1,
        passesInARow: 5,
        failsInARow: 0,
        errorsInARow: 0,
      })),
    })),
  };
}

interface Row {
  readonly what: string;
  readonly cost: number;
  readonly floor: number | null;
  readonly goal: string;
  readonly met: boolean;
  readonly unit: string;
}

async function measure(root: string): Promise<Row[]> {
  const rows: Row[] = [];
  const row = (what: string, cost: number, floor: number | null, goal: string, met: boolean, unit = 'ms CPU') =>
    rows.push({ what, cost, floor, goal, met, unit });

  const floors: number[] = [];
  const loads: number[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    floors.push(inChild('floor', root).cpu);
    loads.push(inChild('load', root).cpu);
  }
  const [floor, first] = [median(floors), median(loads)];
  row(`first load of ${serviceCount} services, ${templateCount} templates`, first, floor, '≤ 2× the floor', first <= 2 * floor);

  const { source, compiler, snapshot, services, next } = await load(root);
  const settled = [...services.values()].map(settle);
  const work = await floorWorker();
  const few = manifestPaths(root).slice(0, serviceCount / passShare);
  const passes: number[] = [];
  const decides: number[] = [];
  const fewFloors: number[] = [];
  // A controller passes over its services for days: what counts is the cost once the code is warm.
  for (let round = 0; round < warmUps + 100; round += 1) {
    const before = cpuMs();
    await compiler.compile(snapshot);
    const compiled = cpuMs();
    for (const { desired, record, observation } of settled)
      if (decide(desired, record, observation, settledAt).record !== record) throw new Error('a pass with nothing new changed something');
    const decided = cpuMs();
    for (const path of few) work(path);
    if (round < warmUps) continue;
    passes.push(compiled - before);
    decides.push(decided - compiled);
    fewFloors.push(cpuMs() - decided);
  }
  const looks: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const before = cpuMs();
    await source.refresh();
    looks.push(cpuMs() - before);
  }
  const pass = median(passes) + median(decides);
  const fewFloor = median(fewFloors);
  row(
    'no-op pass: compile the same Snapshot, decide every service',
    pass,
    fewFloor,
    `≤ the floor of one in ${passShare}`,
    pass <= fewFloor,
  );
  row('  of which: compile', median(passes), null, '', true);
  row('  of which: decide', median(decides), null, '', true);
  row('looking at every file again (refresh; not part of a pass)', median(looks), null, '', true);

  const oneFile: number[] = [];
  const costs: number[] = [];
  const latencies: number[] = [];
  const target = (index: number) => join(root, `team-${index % templateCount}`, `service-${index}.yaml`);
  await settleWatcher(target(0), next, compiler);
  for (let index = 1; index <= warmUpChanges + changes; index += 1) {
    writeFileSync(target(index), serviceText(index, 2));
    const writtenAt = performance.now();
    const before = cpuMs();
    const seen = await next();
    const compilation = await compiler.compile(seen.snapshot);
    const cost = cpuMs() - before;
    latencies.push(seen.at - writtenAt);
    if (compilation.changed.length !== 1) throw new Error(`${compilation.changed.length} services changed`);
    const beforeFloor = cpuMs();
    work(target(index));
    if (index <= warmUpChanges) continue;
    costs.push(cost);
    oneFile.push(cpuMs() - beforeFloor);
  }
  const [one, oneFloor] = [median(costs), median(oneFile)];
  row('one changed manifest: seen, read, compiled', one, oneFloor, '≤ 25× the floor', one <= 25 * oneFloor);
  const [usual, slowest] = [median(latencies), Math.max(...latencies)];
  row(`last write to Snapshot, median of ${latencies.length}`, usual, null, '≤ 300 ms', usual <= 300, 'ms');
  row('  of which: slowest', slowest, null, '', true, 'ms');

  const templates: number[] = [];
  for (let index = 0; index < 5; index += 1) {
    writeFileSync(join(root, `team-${index}.yaml`), templateText(index, 'goodbye'));
    const before = cpuMs();
    const { changed } = await compiler.compile((await next()).snapshot);
    templates.push(cpuMs() - before);
    if (changed.length !== serviceCount / templateCount) throw new Error(`${changed.length} services changed`);
  }
  row(`one changed template with ${serviceCount / templateCount} users`, median(templates), null, '', true);
  await source.close();
  await compiler.close();
  return rows;
}

/** The watcher is slow to begin with many files; the first change is awaited before any is measured. */
async function settleWatcher(
  path: string,
  next: () => Promise<{ snapshot: Snapshot }>,
  compiler: { compile(snapshot: Snapshot): Promise<unknown> },
): Promise<void> {
  writeFileSync(path, serviceText(0, 3));
  await compiler.compile((await next()).snapshot);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
}

function report(rows: readonly Row[]): string {
  const cells = rows.map(({ what, cost, floor, goal, met, unit }) => [
    what,
    `${cost.toFixed(1)} ${unit}`,
    floor === null ? '' : `${floor.toFixed(1)} ${unit}`,
    floor === null ? '' : `${(cost / floor).toFixed(2)}×`,
    goal,
    goal === '' ? '' : met ? 'met' : 'MISSED',
  ]);
  const lines = [['what', 'cost', 'floor', 'ratio', 'goal', ''], ['---', '---:', '---:', '---:', '---', '---'], ...cells];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

if (values.part !== undefined) await runPart(values.part, values.root!);
else {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'fairlead-reconcile-')));
  try {
    writeManifests(root);
    const rows = await measure(root);
    const table = report(rows);
    const about = `Node ${process.versions.node}, ${availableParallelism()} CPUs, ${values.rounds} interleaved rounds in processes of their own, medians.`;
    console.log(`${table}\n\n${about}`);
    mkdirSync(new URL('results/', import.meta.url), { recursive: true });
    writeFileSync(
      new URL('results/reconcile.md', import.meta.url),
      `# Reconcile\n\nWritten by \`npm run bench:reconcile\`. Floor: read, YAML parse, schema validation and hash with the same libraries.\n\n${table}\n\n${about}\n`,
    );
    if (rows.some(({ met }) => !met)) process.exitCode = 1;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
