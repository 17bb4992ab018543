/**
 * Judges a ledger against what Fairlead promises: no call lost, none made twice, none answered by a Revision that must not be
 * used; no session that sees both Revisions of a Rollout in turn; good changes promoted, bad ones taken back, and soon.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { drainMs, intervalMs, keepOldForMs, mayServe, minCalls, reasonOf } from './cast.ts';
import type { Answer, Change, Kill, Ledger, Outage, Way } from './ledger.ts';

/*
 * The times below are those of a machine of one's own; where others work too, all of them grow by the slowness that services
 * showed when they started (see Ledger).
 */

/** How long after a verdict was stored the gateway may still follow the Plan before, in ms, a living controller provided. */
const graceMs = 1_500;
/** A call that began so long after a process was killed may still have been handed to it, in ms. */
const unnoticedMs = 500;
/** Longest that a bad canary goes on once it shows, beside an interval of its analysis, in ms. */
const takeBackMs = 5_000;

export interface Findings {
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly misrouted: readonly string[];
  /** What else did not hold, in words. */
  readonly faults: readonly string[];
  /** Canaries under load: from their first bad answer with enough calls to the verdict, in ms; the longest. */
  readonly longestTakeBackMs: number;
  /**
   * Good canaries that the analysis took back after an Instance was killed: crashes of the target are errors, and what falls upon
   * it all at once when stable crashes takes its time.
   */
  readonly excused: number;
  /** Returns of sessions to a target that had gone for a while because an Instance of it was killed. */
  readonly returns: number;
}

/** `logDir`: where the services log each execution, ids with `prefix` before their token. */
export function audit(ledger: Ledger, logDir: string, prefix: string, callers: number): Findings {
  const executed = executions(logDir, prefix, ledger.calls);
  const doubled = [...executed.entries()].filter(([, times]) => times > 1).map(([token, times]) => `call ${token} was made ${times} times`);
  const unmade = ledger.answers.filter(({ token }) => executed[token] === 0).map((answer) => `${wordsOf(answer)} was answered, not made`);
  const wrong = ledger.answers.filter((answer) => answer.isError && changeOf(ledger, answer)?.mode !== 'errors');
  const unnoticedFor = unnoticedMs * ledger.slowness;
  const unexplained = ledger.interruptions.filter(({ way, beganAt, endedAt }) => {
    return !ledger.kills.some(({ service, at }) => service === way.service && at >= beganAt - unnoticedFor && at <= endedAt);
  });
  const verdicts = judgeVerdicts(ledger);
  const sessions = judgeSessions(ledger);
  const tooMany =
    ledger.interruptions.length > callers * ledger.kills.length
      ? [`${ledger.interruptions.length} calls were interrupted, more than ${ledger.kills.length} kills can have met in flight`]
      : [];
  return {
    lost: [...ledger.lost, ...unmade, ...wrong.map((answer) => `${wordsOf(answer)} is an error`), ...unexplained.map(({ text }) => text)],
    doubled,
    misrouted: [...ledger.misrouted, ...strays(ledger)],
    faults: [...verdicts.faults, ...sessions.faults, ...tooMany],
    longestTakeBackMs: verdicts.longestTakeBackMs,
    excused: verdicts.excused,
    returns: sessions.returns,
  };
}

/** How often each call was executed, by its token. */
function executions(logDir: string, prefix: string, calls: number): Uint8Array {
  const counts = new Uint8Array(calls);
  for (const file of readdirSync(logDir)) {
    for (const line of readFileSync(join(logDir, file), 'utf8').split('\n')) {
      if (!line.startsWith(prefix)) continue;
      const token = Number(line.slice(prefix.length, line.indexOf('\t')));
      counts[token] = Math.min(255, counts[token]! + 1);
    }
  }
  return counts;
}

/** Answers of Revisions that were neither stable nor target at any time during the call. */
function strays(ledger: Ledger): string[] {
  const untilOf = new Map<string, number>();
  return ledger.answers.flatMap((answer) => {
    const change = changeOf(ledger, answer);
    if (change !== null && !mayServe.has(change.mode)) return [`${wordsOf(answer)}: ${change.mode}, which must never be called`];
    const isBound = answer.way.era === 'session' && answer.way.service.endsWith('-http');
    const key = `${answer.way.service}/${answer.tag}/${isBound}`;
    const until = untilOf.get(key) ?? mayAnswerUntil(ledger, answer.way.service, change, isBound);
    untilOf.set(key, until);
    if (answer.beganAt <= until) return [];
    return [`${wordsOf(answer)}: begun ${answer.beganAt - until} ms after the last moment at which it might be called`];
  });
}

/** Until when calls that begin may go to a change (null: to what was there before the first). `isBound`: by sessions bound to an Instance. */
function mayAnswerUntil(ledger: Ledger, service: string, change: Change | null, isBound: boolean): number {
  const changes = ledger.changesOf(service);
  if (change !== null && change.verdict === null) return Infinity;
  if (change !== null && change.verdict!.phase !== 'Promoted')
    return afterOutages(ledger.outages, endOf(change), graceMs * ledger.slowness);
  const next = changes.slice(change === null ? 0 : changes.indexOf(change) + 1).find(({ verdict }) => verdict?.phase === 'Promoted');
  if (next === undefined) return Infinity;
  const staysMs = isBound ? drainMs + (next.part.strategy === 'blue-green' ? keepOldForMs : 0) : 0;
  return afterOutages(ledger.outages, endOf(next), staysMs + graceMs * ledger.slowness);
}

/** When `ms` with a controller have passed since `from`. */
function afterOutages(outages: readonly Outage[], from: number, ms: number): number {
  const met = outages.filter((outage) => outage.to > from && outage.from < from + ms);
  return met.length === 0 ? from + ms : Math.max(...met.map(({ to }) => to)) + ms;
}

interface Verdicts {
  readonly faults: string[];
  longestTakeBackMs: number;
  excused: number;
}

function judgeVerdicts(ledger: Ledger): Verdicts {
  const found: Verdicts = { faults: [], longestTakeBackMs: 0, excused: 0 };
  const answersOf = Map.groupBy(ledger.answers, ({ way, tag }) => `${way.service}/${tag}`);
  for (const change of ledger.changes) {
    const { part, tag, mode, verdict, targetKilled } = change;
    const ended = `${part.spec.name} ${tag} (${mode}) ended ${verdict?.phase} ${verdict?.reason}: ${verdict?.message}${storyOf(ledger, change)}`;
    if (mode === 'ok') {
      if (verdict?.phase === 'Promoted') continue;
      if (verdict?.reason === 'AnalysisFailed' && killsDuring(ledger, change).length > 0) found.excused += 1;
      else found.faults.push(ended);
    } else if (verdict?.phase !== 'RolledBack' || (verdict.reason !== reasonOf[mode] && !targetKilled)) {
      found.faults.push(ended);
    } else if (verdict.reason === 'AnalysisFailed') {
      const tookMs = takenBackAfterMs(ledger, change, answersOf.get(`${part.spec.name}/${tag}`) ?? []);
      found.longestTakeBackMs = Math.max(found.longestTakeBackMs, tookMs);
      if (tookMs > intervalMs + takeBackMs * ledger.slowness) found.faults.push(`${ended}, after ${tookMs} ms`);
    }
  }
  return found;
}

/** What happened to a service during a Rollout, and what was measured last, for whoever has to find out why it ended as it did. */
function storyOf(ledger: Ledger, change: Change): string {
  const { declaredAt, verdict } = change;
  const endedAt = endOf(change);
  const without = ledger.outages.filter(({ from, to }) => to >= declaredAt && from <= endedAt);
  const since = (at: number): string => `${at - declaredAt} ms`;
  return [
    `; took ${since(endedAt)}`,
    ...killsDuring(ledger, change).map(({ at }) => `an instance was killed at ${since(at)}`),
    ...without.map(({ from, to }) => `no controller from ${since(from)} to ${since(to)}`),
    ...(verdict?.measurements ?? []).flatMap(({ at, outcome, judgements }) => [
      `measured at ${since(Date.parse(at))}: ${outcome}`,
      ...judgements.map(({ message }) => message),
    ]),
  ].join('; ');
}

function killsDuring({ kills }: Ledger, change: Change): Kill[] {
  return kills.filter(({ service, at }) => service === change.part.spec.name && at >= change.declaredAt && at <= endOf(change));
}

/** From its first bad answer with enough calls on; time without a controller apart. */
function takenBackAfterMs(ledger: Ledger, change: Change, answers: readonly Answer[]): number {
  const inOrder = answers.toSorted((a, b) => a.endedAt - b.endedAt);
  const firstBad = change.mode === 'errors' ? inOrder.find(({ isError }) => isError) : inOrder[0];
  const shownAt = Math.max(firstBad?.endedAt ?? Infinity, inOrder[minCalls - 1]?.endedAt ?? Infinity);
  const endedAt = endOf(change);
  const without = ledger.outages.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, endedAt) - Math.max(from, shownAt)), 0);
  return Math.max(0, endedAt - shownAt - without);
}

/**
 * A session that was answered by the target, and then by stable, must not be answered by the target again as long as stable has
 * a share; and it goes back to stable only when the target is taken back. Where an Instance of the target was killed the
 * target's own share went down for a while: sessions that return with it are counted.
 */
function judgeSessions(ledger: Ledger): { readonly faults: string[]; readonly returns: number } {
  const faults: string[] = [];
  let returns = 0;
  const ways = Map.groupBy(ledger.answers, ({ way }) => way);
  for (const [way, answers] of ways) {
    if (way.era === 'stateless') continue;
    const wentBack = new Map<Change, boolean>();
    for (const answer of answers) {
      const returnsTo = changeOf(ledger, answer);
      if (returnsTo !== null && wentBack.get(returnsTo) === true && answer.endedAt < returnsTo.stillSharedAt) {
        if (returnsTo.targetKilled) returns += 1;
        else faults.push(`${wordsOf(answer)}, which it had left for stable before`);
      }
      if (returnsTo !== null) wentBack.set(returnsTo, false);
      for (const [change, already] of wentBack) {
        if (already || change.stableTag !== answer.tag) continue;
        wentBack.set(change, true);
        if (!isTakenBackBy(change, answer)) faults.push(`${wordsOf(answer)}, stable, after target ${change.tag}, which was not taken back`);
      }
    }
  }
  return { faults, returns };
}

function isTakenBackBy(change: Change, { endedAt }: Answer): boolean {
  return change.targetKilled || (change.verdict?.phase === 'RolledBack' && endedAt >= endOf(change));
}

function endOf({ verdict }: Change): number {
  return typeof verdict?.endedAt === 'string' ? Date.parse(verdict.endedAt) : Infinity;
}

const changesByTag = new WeakMap<Ledger, Map<string, Change>>();

/** The change that a Revision came with; null for the Revision that was there first. */
function changeOf(ledger: Ledger, { way, tag }: { readonly way: Way; readonly tag: string }): Change | null {
  let byTag = changesByTag.get(ledger);
  if (byTag === undefined) {
    byTag = new Map(ledger.changes.map((change) => [`${change.part.spec.name}/${change.tag}`, change]));
    changesByTag.set(ledger, byTag);
  }
  return byTag.get(`${way.service}/${tag}`) ?? null;
}

function wordsOf({ way, token, tag }: Answer): string {
  return `call ${token} of ${way.era} client ${way.caller} to ${way.service}, answered by ${tag}`;
}
