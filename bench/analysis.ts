/**
 * `npm run bench:analysis [-- --releases 1000] [-- --seed 1]`: whether a canary with default settings takes back what is bad and
 * promotes what is good. Simulated releases under the same noise, each driven through the heart's own `decide`; and changes of
 * tools' schemas, through the contract gate. A seed repeats it all. From a thousand releases on it writes
 * bench/results/analysis.md; exit code 1 when more than 1 % of the good are taken back, or more than 1 % of the bad promoted at
 * 10 calls a second or more.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatDuration } from '../src/base/duration.ts';
import { stepWords } from '../src/core/rollout/step-words.ts';
import type { Verdict } from '../src/model/rollout.ts';
import { additions, change, drawContract, narrowings } from './analysis-contracts.ts';
import { seeded } from '../test/fixtures/seeded.ts';
import { defaults, release, type Behaviour } from './analysis-release.ts';

const { values } = parseArgs({ options: { releases: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } } });
const releases = Number(values.releases);
const seed = Number(values.seed);
const sessions = 50;
const loads = [2, 10, 100];
/** Calls a second from which on misses count: with less there may be too little to judge by. */
const enoughLoad = 10;
const tolerated = 0.01;

interface Kind {
  readonly name: string;
  readonly good: boolean;
  readonly stable: Behaviour;
  readonly target: Behaviour;
  /** How much sessions differ; what then happens is shown, not judged: the tests take calls for independent. */
  readonly differ?: number;
}

const clean: Behaviour = { errors: 0, medianMs: 80, sigma: 0.8, slow: 0 };
const noisy = { ...clean, errors: 0.01 };
const mistaken = { ...clean, errors: 0.1 };
const spread = { ...noisy, sigma: 1.4 };

const kinds: readonly Kind[] = [
  { name: 'good; no errors', good: true, stable: clean, target: clean },
  { name: 'good; both 1 % errors', good: true, stable: noisy, target: noisy },
  { name: 'good; both 10 % errors', good: true, stable: mistaken, target: mistaken },
  { name: 'good; both 1 % errors, latencies far apart', good: true, stable: spread, target: spread },
  { name: 'bad: 1 in 20 errors', good: false, stable: clean, target: { ...clean, errors: 0.05 } },
  { name: 'bad: 1 in 20 errors on top of 1 %', good: false, stable: noisy, target: { ...noisy, errors: 0.06 } },
  { name: 'bad: latency doubles', good: false, stable: clean, target: { ...clean, medianMs: 160 } },
  { name: 'bad: latency doubles; both 1 % errors', good: false, stable: noisy, target: { ...noisy, medianMs: 160 } },
  { name: 'bad: 1 in 10 calls takes 10 times as long', good: false, stable: clean, target: { ...clean, slow: 0.1 } },
  { name: 'good; both 1 % errors, clients differ', good: true, stable: noisy, target: noisy, differ: 0.5 },
];

interface Tally {
  readonly promoted: number;
  readonly unjudged: number;
  readonly medianMs: number;
  readonly slowestMs: number;
  /** Of the target's calls until it was taken back. */
  readonly callsLost: number;
}

function tally(verdicts: readonly Verdict[]): Tally {
  const promoted = verdicts.filter(({ result }) => result === 'Promoted');
  const took = verdicts.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b);
  const calls = verdicts.map(({ measurement }) => measurement?.calls.target ?? 0).sort((a, b) => a - b);
  const middle = Math.floor(verdicts.length / 2);
  return {
    promoted: promoted.length,
    unjudged: promoted.filter(({ measurement }) => measurement?.outcome !== 'pass').length,
    medianMs: took[middle]!,
    slowestMs: took.at(-1)!,
    callsLost: calls[middle]!,
  };
}

const problems: string[] = [];

function runKind({ name, good, stable, target, differ = 0 }: Kind, callsPerSecond: number, index: number): string[] {
  const clients = { sessions, callsPerSecond, differ };
  const verdicts = Array.from({ length: releases }, (_, number) =>
    release({ stable, target, clients }, seeded(seed * 1_000_003 + index * 100_003 + number)),
  );
  const { promoted, unjudged, medianMs, slowestMs, callsLost } = tally(verdicts);
  const wrong = (good ? releases - promoted : promoted) / releases;
  const judged = differ === 0 && (good || callsPerSecond >= enoughLoad);
  const missed = judged && wrong > tolerated;
  if (missed) problems.push(`${name}, ${callsPerSecond} calls/s: ${percent(wrong)} ${good ? 'false alarms' : 'misses'}`);
  const row = [
    name,
    String(callsPerSecond),
    String(promoted),
    String(unjudged),
    String(releases - promoted),
    percent(wrong),
    formatDuration(medianMs),
    formatDuration(slowestMs),
    String(callsLost),
    judged ? (missed ? 'MISSED' : 'met') : 'shown',
  ];
  console.log(row.join(' · '));
  return row;
}

function runContracts(kindsOfChange: typeof narrowings, good: boolean): string[] {
  const random = seeded(seed);
  const clients = { sessions, callsPerSecond: 2, differ: 0 };
  let [promoted, early] = [0, 0];
  for (let number = 0; number < releases; number += 1) {
    const stable = drawContract(random);
    const target = change(stable, kindsOfChange, random);
    const verdict = release({ stable: clean, target: clean, clients }, random, [stable, target.contract]);
    if (verdict.result === 'Promoted') promoted += 1;
    else if (verdict.reason === 'ContractBreaking' && verdict.weight === 0) early += 1;
    if ((verdict.result === 'Promoted') !== good && problems.length < 10)
      problems.push(`${target.name}: ${verdict.result} ${verdict.message}`);
  }
  const wrong = (good ? releases - promoted : promoted) / releases;
  const name = good ? 'a schema takes the same and more' : 'a schema quietly narrows';
  const row = [
    name,
    String(kindsOfChange.length),
    String(promoted),
    String(releases - promoted),
    String(early),
    percent(wrong),
    wrong > tolerated ? 'MISSED' : 'met',
  ];
  console.log(row.join(' · '));
  return row;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const startedAt = performance.now();
const rows = loads.flatMap((load, at) => kinds.map((kind, index) => runKind(kind, load, at * kinds.length + index)));
const gate = [runContracts(narrowings, false), runContracts(additions, true)];
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
const { steps, analysis } = defaults;
const about = `Written by \`npm run bench:analysis\`, seed ${seed}: ${releases} releases a row, ${sessions} sessions, decided by the heart itself on a simulated clock.
Default steps: ${steps.map(stepWords).join(', ')}. Default analysis: every ${formatDuration(analysis.intervalMs)}, from ${analysis.minCalls} calls of the target on, ${analysis.failureLimit} failures put up with.
Latencies are log-normal, median 80 ms, sigma 0.8 (far apart: 1.4). Clients that differ have each their own factor on errors and latency (sigma 0.5):
the tests take calls for independent, which those of one client then are not; that row is shown, not judged.
Unjudged: promoted though the last measurement was no pass, for want of calls or because what it saw may have been chance. Misses count from ${enoughLoad} calls a second on.`;
const traffic = table(
  [
    'release',
    'calls/s',
    'promoted',
    'of them unjudged',
    'taken back',
    'false alarms, misses',
    'median time to the verdict',
    'longest',
    'target’s calls (median)',
    'at most 1 % wrong',
  ],
  rows,
);
const contracts = table(
  ['contract', 'kinds of change', 'promoted', 'taken back', 'before any call', 'false alarms, misses', 'at most 1 % wrong'],
  gate,
);
if (releases >= 1_000) {
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  writeFileSync(new URL('results/analysis.md', import.meta.url), `# Analysis\n\n${about}\n\n${traffic}\n\n${contracts}\n`);
}
for (const problem of problems) console.log(`MISSED ${problem}`);
console.log(`analysis: ${(rows.length + gate.length) * releases} releases, ${problems.length} goals missed, seed ${seed}, ${seconds} s`);
process.exitCode = problems.length === 0 ? 0 : 1;
