/** Drift: what stable offers is not what it was promoted with, and no commit said so. Found, shown, and by policy kept from clients. */
import { compareContracts, differenceText, toolsThatDrifted } from './contract/compare.ts';
import { serving } from './instances.ts';
import { observed, say, type Pass } from './pass.ts';
import { isApproved } from './rollout/locked.ts';

export function judgeDrift(pass: Pass): void {
  const { record, given } = pass;
  const { stable, stableService } = record;
  if (stable === null || (record.drift === null && isAsPromoted(pass, stable.hash))) return;
  const offered = serving(pass, stable.hash).flatMap(({ id }) => observed(pass, id)?.contract ?? []);
  if (offered.length === 0) return;
  record.stableContract ??= offered[0]!;
  const { drift: policy } = (stableService ?? record.desired)!.migration.contract;
  const other = offered.find((hash) => hash !== record.stableContract);
  if (other !== undefined && isApproved(pass, stable.hash, other)) {
    const by = record.desired?.lock?.contract === other ? 'fairlead.lock' : 'its manifest';
    accept(pass, other, 'ContractApproved', `The contract it drifted to is approved by ${by}.`);
    // Another Instance may offer something else still.
    judgeDrift(pass);
    return;
  }
  if (other === undefined) {
    if (record.drift !== null) accept(pass, record.stableContract, 'ContractRestored', 'It offers again what it was promoted with.');
    return;
  }
  const [from, to] = [given.contracts[record.stableContract], given.contracts[other]];
  if (from === undefined || to === undefined) return;
  if (record.drift?.to !== other || record.drift.from !== record.stableContract) {
    record.drift = compareContracts(from, to);
    const [difference] = record.drift.differences;
    const first = difference === undefined ? 'it differs' : differenceText(difference);
    say(pass, 'Warning', 'ContractDrifted', `What ${stable.name} offers changed without a commit: ${first}`, { revision: stable.name });
  }
  const hidden = policy === 'quarantine' ? toolsThatDrifted(record.drift, from, to) : [];
  if (hidden.join('\n') !== record.quarantine.join('\n')) record.quarantine = hidden;
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
  if (record.quarantine.length > 0) record.quarantine = [];
}
