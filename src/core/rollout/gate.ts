/** The contract gate: before any call goes to the target, what it offers is held against what stable offers. */
import type { ContractComparison } from '../../model/contract.ts';
import { compareContracts, differenceText } from '../contract/compare.ts';
import { contractOf, migrationOf, say, type Pass } from '../pass.ts';
import { lockIsOpen } from './locked.ts';

/** Remembers the comparison, once both Contracts are known, and again when either is another: a target may not change what it offers behind the gate. */
export function compareWithStable(pass: Pass): void {
  const { record, given } = pass;
  const rollout = record.rollout!;
  if (!isAskedFor(pass)) return;
  const [from, to] = hashesOf(pass);
  if (from === null || to === null || (rollout.contract?.from === from && rollout.contract.to === to)) return;
  const [stable, target] = [given.contracts[from], given.contracts[to]];
  if (from !== to && (stable === undefined || target === undefined)) return;
  const contract =
    stable === undefined || target === undefined ? { from, to, class: null, differences: [], more: 0 } : compareContracts(stable, target);
  record.rollout = { ...rollout, contract };
  if (contract.class === null) return;
  const [first] = contract.differences;
  const others = contract.differences.length + contract.more - 1;
  const message = `${contract.class}: ${first === undefined ? '' : differenceText(first)}${others > 0 ? ` (and ${others} more)` : ''}`;
  say(pass, contract.class === 'compatible' ? 'Normal' : 'Warning', 'ContractCompared', message, { revision: record.target!.name });
}

/**
 * Whether the comparison, and what was approved, let calls through to the target. Where the Host says that it knows no Contract of a Revision, there is
 * nothing to compare, and what would block nothing is not waited for.
 */
export function gateIsOpen(pass: Pass): boolean {
  const { contract, target } = pass.record.rollout!;
  if (!lockIsOpen(pass)) return false;
  if (!isAskedFor(pass)) return true;
  const { breaking, descriptions } = migrationOf(pass, target).contract;
  const blocks = breaking === 'block' || descriptions === 'block';
  if (contract === null) return !blocks || (pass.observation !== null && (hashesOf(pass)[0] === null || offersNothing(pass)));
  return gateFailure(pass) === null && (!blocks || isOfNow(pass, contract));
}

/** Whether what was compared is what is offered now, as far as it is seen. */
function isOfNow(pass: Pass, { from, to }: ContractComparison): boolean {
  const [stable, target] = hashesOf(pass);
  return (stable ?? from) === from && (target ?? to) === to;
}

export function gateFailure(pass: Pass): readonly [reason: string, message: string] | null {
  const { contract, target } = pass.record.rollout!;
  if (contract === null || !isAskedFor(pass)) return null;
  const { breaking, descriptions } = migrationOf(pass, target).contract;
  const first = (of: string): string => {
    const found = contract.differences.find((difference) => difference.class === of);
    return found === undefined ? of : differenceText(found);
  };
  if (contract.class === 'breaking' && breaking === 'block')
    return [
      'ContractBreaking',
      `its contract breaks clients of stable: ${first('breaking')}. If that is meant, set migration.contract.breaking to warn and say \`rollout retry\``,
    ];
  const review = contract.differences.some((difference) => difference.class === 'review');
  if (review && descriptions === 'block')
    return [
      'ContractReview',
      `what its tools say of themselves changed: ${first('review')}. If that is meant, set migration.contract.descriptions to warn and say \`rollout retry\``,
    ];
  return null;
}

/** Whether an Instance of the target is connected and seen to have no Contract: not being seen is no such word. */
function offersNothing({ record, observation }: Pass): boolean {
  const connected = observation!.instances.filter(({ revision, phase }) => revision === record.target!.hash && phase === 'connected');
  return connected.some(({ contract }) => contract === null);
}

function isAskedFor({ record }: Pass): boolean {
  const { direct, stable } = record.rollout!;
  return direct === null && stable !== null;
}

function hashesOf(pass: Pass): readonly [stable: string | null, target: string | null] {
  const { record } = pass;
  return [record.stableContract ?? contractOf(pass, record.stable!.hash), contractOf(pass, record.target!.hash)];
}
