/** What is not as it should be though nothing declared says so, with what differs: of a service, and of a source's files. Pure. */
import type { ServiceResource, SourceResource } from '../../model/resource.ts';
import { colourDiff } from './changes.ts';
import { contractLines } from './contract.ts';
import type { Paint } from './paint.ts';
import { age } from './resource-table.ts';
import { oneLine } from './table.ts';

/** Of a hash, as many digits as `migration.contract.approved` asks for. */
const approvedDigits = 12;

/** Empty when there is nothing of the kind. */
export function driftText({ metadata, status }: ServiceResource, now: number, paint: Paint): string {
  const subjects = { instances: 'The host ', routes: 'The gateway ', files: '', contract: '' };
  const others = status.drifts
    .filter(({ kind }) => kind !== 'contract')
    .map(({ kind, message, since, diff }) => `${subjects[kind]}${oneLine(message)}, since ${age(since, now)}:\n${inset(diff, paint)}`);
  return [...others, contractText(metadata.name, status, paint)].join('');
}

/** Where what stable offers has gone, and what makes it a commit. */
function contractText(service: string, { drift, quarantine, stable }: ServiceResource['status'], paint: Paint): string {
  if (drift === null) return '';
  const hidden = quarantine.length === 0 ? [] : [`Hidden from clients and refused meanwhile: ${quarantine.map(oneLine).join(', ')}.`];
  const lines = [
    `${stable ?? 'It'} offers something else than it was promoted with, and no commit said so:`,
    ...contractLines(drift, paint).map((line) => `  ${line}`),
    ...hidden,
    `To approve it, say ${paint.bold(`fairlead lock ${service}`)}, or add under spec:`,
    `  ${paint.bold(`migration.contract.approved: "${drift.to.slice(0, approvedDigits)}"`)}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Files that a source laid out and that somebody changed; empty when there are none. */
export function filesText({ status }: SourceResource, now: number, paint: Paint): string {
  const { drift } = status;
  if (drift === null) return '';
  const { since, problem, files, total, diff } = drift;
  const left = problem === null ? 'and left as they are (drift: report)' : `and not put back: ${oneLine(problem)}`;
  const lines = [
    `Changed by hand since ${age(since, now)}, ${left}:`,
    ...files.map(({ path, change }) => `  ${change.padEnd('replaced'.length)}  ${oneLine(path)}`),
    ...(total > files.length ? [`  and ${total - files.length} more`] : []),
  ];
  return `${lines.join('\n')}\n${inset(diff, paint)}`;
}

function inset(diff: string, paint: Paint): string {
  return colourDiff(diff, paint).replaceAll(/^(?=.)/gm, '  ');
}
