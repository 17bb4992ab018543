/** One whole run: a Fairlead of its own, weights measured at rest, a storm of Rollouts under the load of a crowd, all of it judged. */
import { pause, Stand, type EchoSpec } from '../stand.ts';
import { audit, type Findings } from './audit.ts';
import type { Part } from './cast.ts';
import { Crowd } from './crowd.ts';
import { Ledger } from './ledger.ts';
import { atRest, leftOver, wordsOf } from './readings.ts';
import { storm, type Storm } from './storm.ts';
import { measureWeights, type Share } from './weights.ts';

export interface Run extends Storm {
  readonly parts: readonly Part[];
  readonly callers: number;
  /** Services that weights are measured on, and sessions and requests that each is measured with. */
  readonly scales: readonly EchoSpec[];
  readonly weighed: number;
  /** The crowd calls for so long before anything changes, so that what is measured first is warm. */
  readonly warmUpMs: number;
  readonly progress: (text: string) => void;
}

export interface Report extends Findings {
  readonly ledger: Ledger;
  readonly shares: readonly Share[];
  /** Before and after, in words. */
  readonly readings: readonly string[];
}

export async function run(settings: Run): Promise<Report> {
  const { parts, scales, callers, weighed, warmUpMs, progress } = settings;
  const names = parts.map(({ spec }) => spec.name);
  const stand = await Stand.start([...parts.map(({ spec }) => ({ ...spec, tag: 'r0' })), ...scales]);
  const everyName = [...names, ...scales.map(({ name }) => name)];
  const ledger = new Ledger();
  const faults: string[] = [];
  let findings: Findings;
  let shares: readonly Share[] = [];
  const readings: string[] = [];
  try {
    const measured = await measureWeights(stand, scales, weighed);
    shares = measured.shares;
    faults.push(...measured.faults);
    for (const { service, era, weight, measured: share } of shares)
      progress(`${service}: ${share} % of ${weighed} ${era} clients at ${weight}`);
    const base = stand.runFile()!.gatewayUrl!.replace(/\/(mcp)?$/, '');
    const warmUp = new Crowd('warm-up', new Ledger(), base, names);
    warmUp.start(callers);
    await pause(warmUpMs);
    await warmUp.stop();
    const before = await atRest(stand, everyName);
    progress(`before: ${wordsOf(before)}`);

    const crowd = new Crowd('storm', ledger, base, names);
    crowd.start(callers);
    try {
      await storm(stand, ledger, parts, settings);
    } finally {
      await crowd.stop();
    }
    const after = await atRest(stand, everyName);
    progress(`after: ${wordsOf(after)}`);
    readings.push(wordsOf(before), wordsOf(after));
    faults.push(...leftOver(before, after));
    findings = audit(ledger, stand.logDir, crowd.prefix, callers);
  } catch (error) {
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    faults.push(said);
    findings = { lost: [], doubled: [], misrouted: [], faults: [], longestTakeBackMs: 0, excused: 0, returns: 0 };
  }
  const { left } = await stand.stop();
  if (left.length > 0) faults.push(`${left.length} processes left after the stop`);
  return { ...findings, faults: [...faults, ...findings.faults], ledger, shares, readings };
}
