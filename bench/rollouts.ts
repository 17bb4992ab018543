/**
 * `npm run bench:rollouts [-- --quick] [-- --seed N]`: real processes under the load of 50 clients of both protocol eras while
 * services of every strategy go through good and bad changes, and controllers and Instances are killed. The last line counts
 * calls, rollouts, lost, doubled and misrouted calls; exit code 1 when any of those is not 0 or anything else did not hold.
 * The full run writes bench/results/rollouts.md; the quick one (under 50 s on a machine of its own, for CI) only prints.
 */
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seeded } from '../test/fixtures/seeded.ts';
import { cast, scales } from '../test/e2e/rollouts/cast.ts';
import type { Change } from '../test/e2e/rollouts/ledger.ts';
import { run, type Report } from '../test/e2e/rollouts/run.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const callers = 50;
const amounts = values.quick
  ? {
      changes: 2,
      warmUpMs: 1_000,
      controllerKillEveryMs: { least: 3_000, most: 8_000 },
      instanceKillEveryMs: { least: 1_500, most: 4_000 },
    }
  : {
      changes: 50,
      warmUpMs: 5_000,
      controllerKillEveryMs: { least: 5_000, most: 35_000 },
      instanceKillEveryMs: { least: 2_000, most: 8_000 },
    };
const planned = amounts.changes * cast.length;
const beganAt = performance.now();
console.log(`seed ${seed}, ${callers} clients, ${planned} rollouts of ${cast.length} services`);

const ended: Change[] = [];
const report = await run({
  ...amounts,
  parts: cast,
  scales: values.quick ? scales.slice(0, 1) : scales,
  callers,
  weighed: 1_000,
  random: seeded(seed),
  onChange: tell,
  progress: (text) => console.log(`${since()} ${text}`),
});
const { ledger, lost, doubled, misrouted, faults } = report;
for (const [kind, found] of Object.entries({ LOST: lost, DOUBLED: doubled, MISROUTED: misrouted, FAULT: faults })) {
  for (const text of found.slice(0, 10)) console.log(`  ${kind} ${text}`);
  if (found.length > 10) console.log(`  ${kind} … and ${found.length - 10} more`);
}
const figures = figuresOf(report);
for (const line of figures) console.log(line);
const last = `calls ${ledger.calls}, rollouts ${ended.length}, lost ${lost.length}, doubled ${doubled.length}, misrouted ${misrouted.length}`;
if (!values.quick) writeFileSync(join(import.meta.dirname, 'results/rollouts.md'), documentOf(report));
console.log(last);
process.exit(lost.length + doubled.length + misrouted.length + faults.length === 0 && ended.length === planned ? 0 : 1);

function since(): string {
  return `${((performance.now() - beganAt) / 1000).toFixed(1).padStart(6)} s`;
}

function tell(change: Change): void {
  ended.push(change);
  const { part, tag, verdict } = change;
  if (values.quick || verdict!.phase !== (change.mode === 'ok' ? 'Promoted' : 'RolledBack') || ended.length % 10 === 0)
    console.log(`${since()} ${ended.length}/${planned} ${part.spec.name} ${tag}: ${verdict!.phase} ${verdict!.reason}`);
}

function figuresOf({ longestTakeBackMs, excused, returns, shares }: Report): string[] {
  const perStrategy = Map.groupBy(ended, ({ part }) => part.strategy);
  const off = Math.max(...shares.map(({ measured, weight }) => Math.abs(measured - weight)));
  return [
    ...[...perStrategy].map(([strategy, changes]) => {
      const promoted = changes.filter(({ verdict }) => verdict!.phase === 'Promoted').length;
      return `${strategy}: ${changes.length} rollouts, ${promoted} promoted, ${changes.length - promoted} taken back`;
    }),
    `${ledger.outages.length} kills of the controller, ${ledger.kills.length} of instances, ${ledger.interruptions.length} calls in flight met them and were told to try again`,
    `good canaries taken back after an instance of theirs or of stable was killed: ${excused}; sessions that returned to a target that was killed in between: ${returns}`,
    `bad canaries were taken back at most ${(longestTakeBackMs / 1000).toFixed(1)} s after they showed`,
    `services took ${ledger.slowness.toFixed(1)} times as long to start as on a machine of their own`,
    `weights: at most ${off.toFixed(2)} points off, over ${shares[0]?.opened} sessions or requests each`,
  ];
}

function documentOf({ shares, readings }: Report): string {
  const head = `Written by \`npm run bench:rollouts\`, seed ${seed}, ${callers} clients, ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, Linux ${release()}, in ${since().trim()}.`;
  const weights = shares.map(
    ({ service, era, weight, opened, measured }) => `| ${service} | ${era} | ${weight} | ${measured} | ${opened} |`,
  );
  const wrong = [...lost, ...doubled, ...misrouted, ...faults];
  return [
    '# Rollouts',
    head,
    last,
    wrong.length === 0 ? 'Nothing else was amiss.' : wrong.map((text) => `- ${text}`).join('\n'),
    figures.map((line) => `- ${line}`).join('\n'),
    `| service | clients | weight | share measured, % | opened |\n| --- | --- | ---: | ---: | ---: |\n${weights.join('\n')}`,
    readings.map((text, index) => `- ${index === 0 ? 'before' : 'after'}: ${text}`).join('\n'),
    '',
  ].join('\n\n');
}
