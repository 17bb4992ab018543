/** The audit is the yardstick of the storm, so it is held against ledgers whose faults are known. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RolloutStatus } from '../../../src/model/resource.ts';
import { audit } from './audit.ts';
import { cast, type Mode } from './cast.ts';
import { Ledger, type Change, type Way } from './ledger.ts';

const [canary] = cast.filter(({ spec }) => spec.name === 'canary-stdio');
const way: Way = { caller: 0, era: 'session', service: 'canary-stdio' };
let log: string;
let ledger: Ledger;
beforeEach(() => {
  log = mkdtempSync(join(tmpdir(), 'fairlead-audit-'));
  ledger = new Ledger();
});
afterEach(() => rmSync(log, { recursive: true }));

/** A change whose Rollout ran from 0 to `endedAt`, the target getting everything at its very end. */
function changed(mode: Mode, phase: 'Promoted' | 'RolledBack', endedAt: number, targetKilled = false): Change {
  const reason = { errors: 'AnalysisFailed', unwell: 'CheckFailed' }[mode as string] ?? 'TargetServes';
  const verdict = { phase, reason, endedAt: new Date(endedAt).toISOString() } as RolloutStatus;
  const change = { part: canary!, tag: mode, mode, stableTag: 'r0', declaredAt: 0, stillSharedAt: endedAt, targetKilled, verdict };
  ledger.changes.push(change);
  return change;
}

function answered(tag: string, at: number, more: { readonly of?: Way; readonly isError?: boolean } = {}): void {
  const token = ledger.begin();
  writeFileSync(join(log, 'service.log'), `run/${token}\t${tag}\n`, { flag: 'a' });
  ledger.answers.push({ way: more.of ?? way, token, tag, isError: more.isError ?? false, beganAt: at - 10, endedAt: at });
}

const found = (): ReturnType<typeof audit> => audit(ledger, log, 'run/', 1);

test('a Rollout in which each session went forward once is as it should be', () => {
  changed('ok', 'Promoted', 1_000);
  for (const [tag, at] of [
    ['r0', 100],
    ['ok', 500],
    ['ok', 1_500],
    ['ok', 90_000],
  ] as const)
    answered(tag, at);
  expect(found()).toMatchObject({ lost: [], doubled: [], misrouted: [], faults: [] });
});

test('a call that was executed twice is doubled, and one that was answered but never executed is lost', () => {
  answered('r0', 100);
  writeFileSync(join(log, 'other.log'), 'run/0\tr0\n');
  ledger.answers.push({ way, token: ledger.begin(), tag: 'r0', isError: false, beganAt: 0, endedAt: 1 });
  expect(found()).toMatchObject({ doubled: [expect.stringContaining('call 0')], lost: [expect.stringContaining('call 1')] });
});

test('an interruption is excused by a kill of that service while the call was under way, and by nothing else', () => {
  ledger.kills.push({ service: 'canary-stdio', at: 1_000 }, { service: 'canary-http', at: 5_000 });
  for (const beganAt of [900, 5_000]) ledger.interruptions.push({ way, beganAt, endedAt: beganAt + 200, text: `at ${beganAt}` });
  expect(found().lost).toEqual(['at 5000']);
});

test('an answer of a Revision that must never serve, was taken back, or was replaced long ago is misrouted', () => {
  changed('unwell', 'RolledBack', 1_000);
  changed('errors', 'RolledBack', 2_000);
  changed('ok', 'Promoted', 3_000);
  answered('unwell', 500);
  answered('errors', 10_000);
  answered('r0', 10_000, { of: { ...way, era: 'stateless' } });
  answered('r0', 3_100, { of: { ...way, era: 'stateless' } });
  expect(found().misrouted).toHaveLength(3);
});

test('without a controller a verdict takes effect when there is one again', () => {
  changed('errors', 'RolledBack', 1_000);
  ledger.outages.push({ from: 1_100, to: 9_000 });
  answered('errors', 9_500);
  expect(found().misrouted).toEqual([]);
  answered('errors', 12_000);
  expect(found().misrouted).toHaveLength(1);
});

test('where services take three times as long to start as usual, what follows a verdict has three times as long, and no longer', () => {
  changed('errors', 'RolledBack', 1_000);
  answered('errors', 4_000);
  expect(found().misrouted).toHaveLength(1);
  ledger.starts.set('canary-stdio-0-1', 1_500);
  expect(found().misrouted).toEqual([]);
  answered('errors', 6_000);
  expect(found().misrouted).toEqual([expect.stringContaining('call 1 ')]);
});

test('a session that alternates between the Revisions of a Rollout is a fault, unless the target was killed in between', () => {
  for (const targetKilled of [false, true]) {
    ledger = new Ledger();
    rmSync(join(log, 'service.log'), { force: true });
    changed('ok', 'Promoted', 1_000, targetKilled);
    for (const [index, tag] of ['r0', 'ok', 'r0', 'ok'].entries()) answered(tag, 100 * (index + 1));
    const { faults, returns } = found();
    expect([faults.length, returns]).toEqual(targetKilled ? [0, 1] : [2, 0]);
  }
});

test('a bad change that is promoted is a fault, and so is a good one that is taken back, but for a canary of which something was killed', () => {
  changed('unwell', 'Promoted', 1_000);
  const taken = changed('ok', 'RolledBack', 2_000);
  const killed = changed('ok', 'RolledBack', 3_000);
  ledger.kills.push({ service: 'canary-stdio', at: 2_500 });
  for (const change of [taken, killed]) change.verdict = { ...change.verdict!, reason: 'AnalysisFailed' };
  expect(found()).toMatchObject({ faults: [expect.stringContaining('unwell'), expect.stringContaining('ok')], excused: 1 });
});

test('a bad canary is to be taken back soon after it shows with enough calls', () => {
  changed('errors', 'RolledBack', 60_000);
  for (let at = 1; at <= 30; at += 1) answered('errors', at * 100, { isError: at % 5 === 0 });
  expect(found()).toMatchObject({ longestTakeBackMs: 58_000, faults: [expect.stringContaining('after 58000 ms')] });
});
