/** Weights that stand still, measured: a thousand sessions and a thousand requests without session at each, over each transport. */
import { Agent } from 'undici';
import { LeanClient } from '../load.ts';
import { type EchoSpec, type Stand } from '../stand.ts';
import { weightsMeasured } from './cast.ts';
import { echoOf } from './crowd.ts';
import type { Era } from './ledger.ts';
import { StatelessClient } from './stateless-client.ts';

/** How far the share that was measured may be from the weight, in percentage points. */
const toleratedPoints = 1;
const atATime = 25;

export interface Share {
  readonly service: string;
  readonly era: Era;
  readonly weight: number;
  readonly opened: number;
  /** Percent that went to the target. */
  readonly measured: number;
}

/** The shares, and what is wrong with them in words. `count`: sessions, and requests, for each weight of each of the scales. */
export async function measureWeights(
  stand: Stand,
  scales: readonly EchoSpec[],
  count: number,
): Promise<{ readonly shares: Share[]; readonly faults: string[] }> {
  const measured = await Promise.all(scales.map(async (scale) => measureOne(stand, scale, count)));
  const shares = measured.flatMap((one) => one.shares);
  const off = shares.filter((share) => Math.abs(share.measured - share.weight) > toleratedPoints);
  const faults = off.map(
    (share) => `${share.service}: ${share.measured} % of ${share.opened} ${share.era} clients at a weight of ${share.weight}`,
  );
  return { shares, faults: [...measured.flatMap((one) => one.faults), ...faults] };
}

async function measureOne(stand: Stand, scale: EchoSpec, count: number): Promise<{ shares: Share[]; faults: string[] }> {
  const faults: string[] = [];
  const shares: Share[] = [];
  const url = `${stand.runFile()!.gatewayUrl!.replace(/\/(mcp)?$/, '')}/services/${scale.name}/mcp`;
  const tag = 'weighed';
  stand.declare({ ...scale, tag });
  for (const weight of weightsMeasured) {
    await untilStandsAt(stand, scale.name, weight);
    for (const era of ['session', 'stateless'] as const) {
      const tags = await answersOf(era, url, count);
      faults.push(...tags.flatMap((said) => (typeof said === 'string' ? [] : [`${scale.name}: ${said.fault}`])));
      shares.push({
        service: scale.name,
        era,
        weight,
        opened: count,
        measured: (100 * tags.filter((said) => said === tag).length) / count,
      });
    }
    const { code, stderr } = await stand.cli('rollout', 'promote', scale.name);
    if (code !== 0) faults.push(`rollout promote ${scale.name}: ${stderr}`);
  }
  await stand.untilActive([scale.name]);
  return { shares, faults };
}

async function untilStandsAt(stand: Stand, name: string, weight: number): Promise<void> {
  await stand.until(`${name} stands at ${weight} %`, (services) => {
    const rollout = services.get(name)?.status.rollout;
    return rollout?.waitsOn === 'person' && rollout.weights?.target === weight;
  });
}

/** The tag that answered each of `count` clients; a session is asked twice and must always go to the same. */
async function answersOf(era: Era, url: string, count: number): Promise<(string | { readonly fault: string })[]> {
  const answers: (string | { fault: string })[] = [];
  const agent = new Agent({ connections: atATime });
  const stateless = new StatelessClient(url, 30_000, agent);
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      answers.push(era === 'session' ? await answerOfSession(url, agent) : await tagOf(stateless));
    }
  };
  await Promise.all(Array.from({ length: atATime }, work));
  await agent.destroy();
  return answers;
}

async function answerOfSession(url: string, agent: Agent): Promise<string | { fault: string }> {
  const client = new LeanClient(url, 30_000, agent);
  await client.open();
  const tags = [await tagOf(client), await tagOf(client)];
  await client.leave();
  return tags.every((tag) => tag === tags[0]) ? tags[0]! : { fault: `one session was answered by ${JSON.stringify(tags)}` };
}

async function tagOf(client: LeanClient | StatelessClient): Promise<string | { fault: string }> {
  const { result, error } = await client.rpc('tools/call', { name: 'echo', arguments: { id: 'weigh' } });
  return echoOf(result)?.tag ?? { fault: JSON.stringify(error ?? result) };
}
