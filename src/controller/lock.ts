/**
 * What would be locked: the Contracts that Services offer now, against what the `fairlead.lock` of their source says. Nothing is
 * written here. What Instances really offer counts, also where it drifted: to lock it is to approve it.
 */
import { FairleadError } from '../base/error.ts';
import { hashValue } from '../base/hash.ts';
import { compareContracts, differenceText } from '../core/contract/compare.ts';
import { editLocks, lockedIn } from '../manifest/lock-edit.ts';
import type { ContractComparison } from '../model/contract.ts';
import { isLockPath, lockFileName, type Lock } from '../model/lock.ts';
import type { SnapshotFile } from '../model/snapshot.ts';
import type { LockChange, LockReport, LockRequest } from '../ports/admin.ts';
import type { ControllerContext } from './context.ts';
import type { SourceKeeper } from './source-keeper.ts';
import type { Worked } from './writer.ts';

export interface LockDraft {
  readonly report: LockReport;
  readonly worked: Worked;
}

interface Offer {
  readonly contract: string;
  /** Name of the Revision that offers it. */
  readonly revision: string;
}

/** Path → what it locks, of every `fairlead.lock` of a source. */
type LockFiles = ReadonlyMap<string, ReadonlyMap<string, Lock>>;

/** Throws NotFound for a Service that the source has not, Refused for one that is named and offers nothing to be locked. */
export async function lockDraft(controller: ControllerContext, request: LockRequest, source: SourceKeeper): Promise<LockDraft> {
  const { snapshot } = source.state;
  if (snapshot === null) throw new FairleadError('Refused', `${source.name} has not been read yet.`);
  const files = lockFilesOf(snapshot.files);
  const skipped: { service: string; why: string }[] = [];
  const same: string[] = [];
  const changes: LockChange[] = [];
  for (const service of servicesOf(controller, request, source)) {
    const offer = offerOf(controller, service, request.target);
    const before = lockedHash(files, service);
    if (typeof offer === 'string') skipped.push({ service, why: offer });
    else if (before === offer.contract) same.push(service);
    else {
      const comparison = await compared(controller, service, before, offer.contract);
      changes.push({ service, before, after: offer.contract, revision: offer.revision, comparison });
    }
  }
  const [first] = skipped;
  if (request.services.length > 0 && first !== undefined)
    throw new FairleadError('Refused', `What ${first.service} offers cannot be locked: ${first.why}.`, {
      data: { next: `fairlead describe service ${first.service}` },
    });
  if (request.services.length === 0) changes.push(...leftOver(files, source));
  changes.sort((a, b) => (a.service < b.service ? -1 : 1));
  const token = hashValue({ source: source.name, changes: changes.map(({ service, before, after }) => [service, before, after]) }).slice(
    0,
    16,
  );
  const report: LockReport = { token, source: source.name, changes, same, skipped };
  const texts = written(files, changes, source, snapshot.files);
  const { changed } = await source.parts.compiler.preview(texts);
  const specHashes = new Map(changed.map(({ name, specHash }) => [name, specHash]));
  return { report, worked: workedOf(report, snapshot.id, texts, specHashes) };
}

function lockFilesOf(files: readonly SnapshotFile[]): LockFiles {
  const found = new Map<string, ReadonlyMap<string, Lock>>();
  for (const { path, bytes, problem } of files) {
    if (!isLockPath(path)) continue;
    if (problem !== undefined) throw new FairleadError('Refused', `${path} cannot be read: ${problem}`);
    found.set(path, lockedIn(path, bytes));
  }
  return found;
}

function lockedHash(files: LockFiles, service: string): string | null {
  for (const locks of files.values()) {
    const lock = locks.get(service);
    if (lock !== undefined) return lock.contract;
  }
  return null;
}

/** Those that are named, or all valid ones that are taken from this source; sorted. */
function servicesOf({ declarations }: ControllerContext, { services }: LockRequest, { name, declared }: SourceKeeper): readonly string[] {
  if (services.length === 0) return [...declared.valid()].filter((service) => declarations.keeperOf(service) === name).sort();
  for (const service of services)
    if (!declared.declares(service)) throw new FairleadError('NotFound', `Source ${name} declares no service ${service}.`);
  return [...new Set(services)].sort();
}

/** What a Service offers now, or why nobody can say. */
function offerOf({ loop }: ControllerContext, service: string, target: boolean): Offer | string {
  const record = loop.records.get(service);
  if (record === undefined || record.desired === null) return 'nothing of it has run yet';
  const { desired, stable } = record;
  if (target) {
    const rejection = record.rejections.find(({ revision }) => revision === desired.revision.hash);
    if (rejection?.contract !== undefined) return { contract: rejection.contract, revision: rejection.name };
    if (record.target === null) return 'no release of it is under way, and none was taken back for its contract';
  }
  const revision = target || stable === null ? record.target : stable;
  if (revision === null) return `nothing of it runs, it is ${record.state}`;
  const instances = loop.observations.get(service)?.instances ?? [];
  const offered = new Set(
    instances.flatMap((instance) =>
      instance.revision === revision.hash && instance.phase === 'connected' && instance.contract !== null ? [instance.contract] : [],
    ),
  );
  const [contract] = offered;
  if (contract === undefined) return `no instance of ${revision.name} is connected`;
  if (offered.size === 1) return { contract, revision: revision.name };
  return `instances of ${revision.name} offer different contracts: ${[...offered].map((hash) => hash.slice(0, 12)).join(', ')}`;
}

/** What clients of what was locked would see, or of what stable was promoted with where that is not known. */
async function compared(
  { loop, parts }: ControllerContext,
  service: string,
  before: string | null,
  after: string,
): Promise<ContractComparison | null> {
  const to = await parts.store.contract(after);
  for (const hash of [before, loop.records.get(service)?.stableContract ?? null]) {
    const from = hash === null || hash === after ? null : await parts.store.contract(hash);
    if (from !== null && to !== null) return compareContracts(from, to);
  }
  return null;
}

/** Entries of what no manifest declares any more. */
function leftOver(files: LockFiles, { declared }: SourceKeeper): LockChange[] {
  const names = new Set([...files.values()].flatMap((locks) => [...locks.keys()]));
  return [...names]
    .filter((service) => !declared.declares(service))
    .map((service) => ({ service, before: lockedHash(files, service), after: null, revision: null, comparison: null }));
}

/** Each entry in every file that has it, a new one in the root of the source. */
function written(
  files: LockFiles,
  changes: readonly LockChange[],
  { parts: { folder } }: SourceKeeper,
  present: readonly SnapshotFile[],
): Record<string, string> {
  const root = folder === undefined ? lockFileName : `${folder}/${lockFileName}`;
  const edits = new Map<string, Map<string, Lock | null>>();
  for (const { service, after } of changes) {
    const holders = [...files].flatMap(([path, locks]) => (locks.has(service) ? [path] : []));
    for (const path of holders.length === 0 ? [root] : holders)
      edits.set(path, (edits.get(path) ?? new Map<string, Lock | null>()).set(service, after === null ? null : { contract: after }));
  }
  const texts: Record<string, string> = {};
  for (const [path, edit] of edits) {
    const file = present.find((candidate) => candidate.path === path);
    const text = editLocks(file === undefined ? null : new TextDecoder().decode(file.bytes), edit);
    refuseOther(path, text, new Map([...(files.get(path) ?? []), ...edit]));
    texts[path] = text;
  }
  return texts;
}

/** Entries may share their text by aliases: then one cannot be changed without the other. */
function refuseOther(path: string, text: string, wanted: ReadonlyMap<string, Lock | null>): void {
  const comesOut = lockedIn(path, new TextEncoder().encode(text));
  for (const [service, lock] of wanted)
    if (comesOut.get(service)?.contract !== lock?.contract)
      throw new FairleadError('Refused', `The entry of ${service} in ${path} shares its text with another.`, {
        data: { next: `write the entries of ${path} out, without anchors and aliases` },
      });
}

/** `specHashes`: of what is declared once these files are written, by Service. */
function workedOf(
  report: LockReport,
  onto: string,
  files: Readonly<Record<string, string>>,
  specHashes: ReadonlyMap<string, string>,
): Worked {
  const declared = report.changes.filter(({ after }) => after !== null);
  return {
    onto,
    files,
    changes: declared.map(({ service }) => ({ service, action: 'update', specHash: specHashes.get(service) ?? null })),
    gone: [],
    subject: subjectOf(report.changes),
    body: bodyOf(report.changes),
    token: hashValue({ token: report.token, onto }),
    report: null,
  };
}

/** Longer lists of names are counted. */
const mostSubjectCharacters = 60;

/** `Lock files, weather; unlock old` */
function subjectOf(changes: readonly LockChange[]): string {
  const parts = [
    { word: 'lock', names: changes.filter(({ after }) => after !== null).map(({ service }) => service) },
    { word: 'unlock', names: changes.filter(({ after }) => after === null).map(({ service }) => service) },
  ].flatMap(({ word, names }) => {
    const listed = `${word} ${names.join(', ')}`;
    return names.length === 0 ? [] : [listed.length <= mostSubjectCharacters ? listed : `${word} ${names.length} services`];
  });
  const subject = parts.join('; ');
  return subject === '' ? 'Lock nothing' : subject[0]!.toUpperCase() + subject.slice(1);
}

/** So much is told of what changes; all of it is in the file. */
const mostServices = 50;
const mostDifferences = 10;

/** What is approved, in words: who reads the commit should know. A list: `name: value` alone would be taken for a trailer. */
function bodyOf(changes: readonly LockChange[]): string {
  const lines = changes.slice(0, mostServices).flatMap(({ service, before, after, comparison }) => {
    const differences = comparison?.differences ?? [];
    const left = differences.length + (comparison?.more ?? 0) - mostDifferences;
    return [
      `- ${service}: ${hashText(before)} → ${hashText(after)}`,
      ...differences.slice(0, mostDifferences).map((difference) => `  - ${difference.class}: ${quoted(differenceText(difference))}`),
      ...(left > 0 ? [`  - and ${left} more`] : []),
    ];
  });
  return [...lines, ...(changes.length > mostServices ? [`- and ${changes.length - mostServices} more services`] : [])].join('\n');
}

/** A service's own words, which a forge shows as text and nothing else. */
function quoted(text: string): string {
  return `\`${text.replaceAll('`', "'")}\``;
}

function hashText(hash: string | null): string {
  return hash === null ? 'not locked' : hash.slice(0, 12);
}
