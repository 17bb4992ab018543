/**
 * `npm run bench:soak [-- --quick]`: rounds of sessions that come and go, calls, good and broken updates, against one Fairlead.
 * After each round the descriptors, children and memory of controller and host are read; after the last, descriptors and
 * children must be what they were after the first, and memory must not have gone on growing. Exit code 1 when not.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { services, updates } from '../test/e2e/chaos.ts';
import { LeanClient } from '../test/e2e/load.ts';
import { atRest, type Readings } from '../test/e2e/rollouts/readings.ts';
import { Stand } from '../test/e2e/stand.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const { rounds, sessions } = values.quick ? { rounds: 4, sessions: 200 } : { rounds: 20, sessions: 1_000 };
/** What a round may leave behind by chance: a socket that is just closing, a log file that is just opened. */
const spareDescriptors = 4;
/** Most that a process may have grown from the middle of the run to its end, in MiB a round. */
const growthMiBARound = values.quick ? 40 : 4;

const stand = await Stand.start(services);
const names = services.map(({ name }) => name);
const readings: Readings[] = [];
const losses: string[] = [];
try {
  for (let round = 0; round < rounds; round += 1) {
    await comeAndGo();
    losses.push(...(await updates(stand, 10, 2, 2, `round-${round}`)).losses);
    readings.push(await atRest(stand, names));
    console.log(`round ${round + 1}: ${textOf(readings.at(-1)!)}`);
  }
  losses.push(...compare());
} finally {
  const { left } = await stand.stop();
  if (left.length > 0) losses.push(`${left.length} processes left after the stop`);
}
for (const loss of losses) console.log(`  LOST ${loss}`);
const line = `soak: ${rounds} rounds, ${rounds * sessions} sessions, ${rounds * 4} updates, ${losses.length} losses; last ${textOf(readings.at(-1)!)}`;
if (!values.quick) writeFileSync(join(import.meta.dirname, 'results/soak.md'), `# Soak\n\n${tableOf()}\n${line}\n`);
console.log(line);
process.exit(losses.length === 0 ? 0 : 1);

/** Sessions in tens: one of them just goes, as laptops do, and is kept until it has been idle for long; the others leave politely. */
async function comeAndGo(): Promise<void> {
  const aims = stand.aims(sessions, names);
  for (let from = 0; from < aims.length; from += 10) {
    await Promise.all(
      aims.slice(from, from + 10).map(async ({ url, tool }, index) => {
        const client = new LeanClient(url, 60_000);
        await client.open();
        const { error } = await client.rpc('tools/call', { name: tool, arguments: { id: `soak/${index}` } });
        if (error !== undefined) losses.push(JSON.stringify(error));
        await (index === 0 ? client.close() : client.leave());
      }),
    );
  }
}

function compare(): string[] {
  const [first, middle, last] = [readings[0]!, readings[Math.floor(rounds / 2)]!, readings.at(-1)!];
  return (['controller', 'host'] as const).flatMap((who) => {
    const growth = (last[who].memoryMiB - middle[who].memoryMiB) / (rounds - 1 - Math.floor(rounds / 2));
    return [
      ...(last[who].descriptors > first[who].descriptors + spareDescriptors
        ? [`${who}: descriptors went from ${first[who].descriptors} to ${last[who].descriptors}`]
        : []),
      ...(last[who].children === first[who].children ? [] : [`${who}: children went from ${first[who].children} to ${last[who].children}`]),
      ...(growth > growthMiBARound ? [`${who}: memory grew by ${growth.toFixed(1)} MiB a round`] : []),
    ];
  });
}

function textOf({ controller, host }: Readings): string {
  const of = ({ descriptors, children, memoryMiB }: Readings['host']): string =>
    `${descriptors} descriptors, ${children} children, ${memoryMiB} MiB`;
  return `controller ${of(controller)}; host ${of(host)}`;
}

function tableOf(): string {
  const rows = readings.map(({ controller, host }, index) =>
    [index + 1, ...[controller, host].flatMap(({ descriptors, children, memoryMiB }) => [descriptors, children, memoryMiB])].join(' | '),
  );
  const head =
    '| round | controller: descriptors | children | MiB | host: descriptors | children | MiB |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |';
  return `${head}\n${rows.map((row) => `| ${row} |\n`).join('')}`;
}
