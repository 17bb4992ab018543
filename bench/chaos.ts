/**
 * `npm run bench:chaos [-- --quick] [-- --seed N]`: real processes under the load of 50 sessions while updates roll, break and
 * return, and while the controller, the host and services are killed. Ends with a line of figures; exit code 1 on any loss.
 * The full run writes bench/results/chaos.md; the quick one (under two minutes, for CI) only prints.
 */
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seeded } from '../test/fixtures/seeded.ts';
import { controllerKills, hostKills, serviceKills, services, updates, type Outcome } from '../test/e2e/chaos.ts';
import { Stand } from '../test/e2e/stand.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, seed: { type: 'string' }, only: { type: 'string' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const random = seeded(seed);
const sessions = 50;
const counts = values.quick
  ? { good: 4, broken: 6, controller: 6, host: 3, service: 1 }
  : { good: 20, broken: 20, controller: 50, host: 20, service: 3 };
console.log(`seed ${seed}, ${sessions} sessions`);

const scenarios: Record<string, (stand: Stand) => Promise<Outcome>> = {
  updates: async (stand) => updates(stand, sessions, counts.good, counts.broken),
  controller: async (stand) => controllerKills(stand, sessions, counts.controller, random),
  host: async (stand) => hostKills(stand, sessions, counts.host, random),
  service: async (stand) => serviceKills(stand, sessions, counts.service),
};

const rows: string[] = [];
let losses = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  if (values.only !== undefined && values.only !== name) continue;
  const beganAt = performance.now();
  const outcome = await runOne(name, scenario);
  const seconds = ((performance.now() - beganAt) / 1000).toFixed(0);
  const figures = Object.entries(outcome.figures).map(([what, count]) => `${count} ${what}`);
  for (const loss of outcome.losses) console.log(`  LOST ${loss}`);
  losses += outcome.losses.length;
  const line = `${outcome.name}: ${figures.join(', ')}; ${outcome.losses.length} losses in ${seconds} s`;
  console.log(line);
  rows.push(
    `| ${outcome.name} | ${figures.join(', ')} | ${outcome.losses.length === 0 ? 'nothing lost' : outcome.losses.join('; ')} | ${seconds} s |`,
  );
}

if (!values.quick && values.only === undefined) {
  const head = `Written by \`npm run bench:chaos\`, seed ${seed}, ${sessions} sessions, ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, Linux ${release()}.`;
  const table = `| scenario | figures | lost | took |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  writeFileSync(join(import.meta.dirname, 'results/chaos.md'), `# Chaos\n\n${head}\n\n${table}`);
}
console.log(`chaos: ${rows.length} scenarios, ${losses} losses, seed ${seed}`);
process.exit(losses === 0 ? 0 : 1);

/** Each scenario has a Fairlead of its own; one that cannot go on, or leaves a process, is a loss. */
async function runOne(name: string, scenario: (stand: Stand) => Promise<Outcome>): Promise<Outcome> {
  let stand: Stand | null = null;
  let outcome: Outcome;
  try {
    stand = await Stand.start(services);
    outcome = await scenario(stand);
  } catch (error) {
    outcome = { name, figures: {}, losses: [error instanceof Error ? (error.stack ?? error.message) : String(error)] };
  }
  try {
    const left = (await stand?.stop())?.left ?? [];
    return left.length === 0 ? outcome : { ...outcome, losses: [...outcome.losses, `${left.length} processes left after the stop`] };
  } catch (error) {
    return { ...outcome, losses: [...outcome.losses, error instanceof Error ? error.message : String(error)] };
  }
}
