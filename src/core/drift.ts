/**
 * Drift of what Instances offer, and of the files that they run in. What stable offers is not what it was promoted with, and no
 * commit said so: found, shown, and by policy kept from clients. Files are looked after by their source; here they are shown.
 */
import type { ContractComparison } from '../model/contract.ts';
import { filesInWords } from '../model/drift.ts';
import { compareContracts, differenceText, toolsThatDrifted } from './contract/compare.ts';
import { noteDrift } from './drifts.ts';
import { reachable } from './instances.ts';
import { observed, say, serviceOf, type Pass } from './pass.ts';
import { isApproved } from './rollout/locked.ts';

/** Once a pass for each Revision that is stable in it: what is sent away meanwhile goes on counting until the Host follows. */
export function judgeContract(pass: Pass): void {
  const { record } = pass;
  const { stable } = record;
  if (stable === null || (record.drift === null && isAsPromoted(pass, stable.hash))) return;
  const offered = reachable(pass, stable.hash).flatMap(({ id }) => observed(pass, id)?.contract ?? []);
  if (offered.length > 0) judgeOffered(pass, offered);
  hideWhatDrifted(pass);
}

function judgeOffered(pass: Pass, offered: readonly string[]): void {
  const { record, given } = pass;
  const stable = record.stable!;
  record.stableContract ??= offered[0]!;
  const approved = offered.filter((hash) => isApproved(pass, serviceOf(record, stable.hash), hash));
  if (approved.length > 0 && !approved.includes(record.stableContract)) {
    const by = record.desired?.lock?.contract === approved[0] ? 'fairlead.lock' : 'its manifest';
    accept(pass, approved[0]!, 'ContractApproved', `The contract it drifted to is approved by ${by}.`);
  }
  // Of several that are approved it keeps the one it has. Another Instance may offer something else still.
  const other = offered.find((hash) => hash !== record.stableContract && !approved.includes(hash));
  if (other === undefined) {
    if (record.drift !== null) accept(pass, record.stableContract, 'ContractRestored', 'It offers again what it was promoted with.');
    return;
  }
  const [from, to] = [given.contracts[record.stableContract], given.contracts[other]];
  if (from === undefined || to === undefined) return;
  if (record.drift?.to !== other || record.drift.from !== record.stableContract) {
    record.drift = compareContracts(from, to);
    say(pass, 'Warning', 'ContractDrifted', contractWords(stable.name, record.drift), { revision: stable.name });
  }
}

function hideWhatDrifted(pass: Pass): void {
  const { record } = pass;
  const hidden = toolsToHide(pass);
  if (hidden.join('\n') !== record.quarantine.join('\n')) record.quarantine = hidden;
}

/** By the policy in force, which can change while nothing of stable is there to offer anything; what is hidden stays so while its Contracts are not known. */
function toolsToHide({ record, given }: Pass): readonly string[] {
  const { drift, stableService, desired, quarantine } = record;
  if (drift === null || (stableService ?? desired)!.migration.contract.drift !== 'quarantine') return [];
  const [from, to] = [given.contracts[drift.from], given.contracts[drift.to]];
  return from === undefined || to === undefined ? quarantine : toolsThatDrifted(drift, from, to);
}

/** Every Instance that is seen to offer something offers what stable was promoted with: nothing to look into. */
function isAsPromoted({ record, observation }: Pass, stable: string): boolean {
  if (observation === null) return true;
  return observation.instances.every(
    ({ revision, contract }) => revision !== stable || contract === null || contract === record.stableContract,
  );
}

function accept(pass: Pass, contract: string, reason: string, message: string): void {
  const { record } = pass;
  record.stableContract = contract;
  if (record.drift !== null) say(pass, 'Normal', reason, message, { revision: record.stable!.name });
  record.drift = null;
}

function contractWords(stable: string, { differences }: ContractComparison): string {
  const first = differences[0] === undefined ? 'it differs' : differenceText(differences[0]);
  return `What ${stable} offers changed without a commit: ${first}`;
}

/** The Contract's drift among those of all kinds. */
export function noteContract(pass: Pass): void {
  const { drift, stable } = pass.record;
  if (drift === null || stable === null) {
    noteDrift(pass, 'contract', null);
    return;
  }
  const lines = [...drift.differences.map(differenceText), ...(drift.more === 0 ? [] : [`… and ${drift.more} more`])];
  noteDrift(pass, 'contract', { message: contractWords(stable.name, drift), diff: lines.map((line) => `${line}\n`).join('') });
}

/** What its source says of the files that it runs in. */
export function judgeFiles(pass: Pass): void {
  const { files } = pass.given;
  if (files === 'unknown') return;
  const left = files?.problem == null ? '' : `, not put back since ${files.problem}`;
  const words = files === null ? '' : `${filesInWords(files.files)} changed by hand${left}`;
  const found = files === null ? null : { message: words, diff: files.files.map(({ diff }) => diff).join(''), since: files.since };
  const became = noteDrift(pass, 'files', found);
  if (became === 'shown') say(pass, 'Warning', 'FilesDrifted', `Files that it runs in: ${words}.`);
  if (became === 'over') say(pass, 'Normal', 'FilesRestored', 'The files that it runs in are again what its commit says.');
}
