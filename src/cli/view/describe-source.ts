/** All there is to know of one source, for a person. Pure. */
import type { SourceResource } from '../../model/resource.ts';
import { filesText } from './drift.ts';
import { issueText } from './issues.ts';
import { age } from './resource-table.ts';
import { fit, type Screen } from './screen.ts';
import { section } from './section.ts';
import { oneLine } from './table.ts';

/** Deletions that wait, and how they are let go. */
function heldText(names: readonly string[]): string {
  return `deletions of ${names.join(', ')}; to let them go: fairlead delete service ${names.join(' ')}`;
}

export function describeSourceText(source: SourceResource, now: number, { paint, columns }: Screen): string {
  const { metadata, spec, status, observedCommit } = source;
  const { commit } = status;
  const subject = commit === null ? '' : ` “${oneLine(commit.subject)}”, ${oneLine(commit.author)}`;
  const facts: [string, string][] = [
    ['Name', paint.bold(metadata.name)],
    ['Kind', spec.kind],
    ['Location', oneLine(spec.location)],
    ['Snapshot', observedCommit === '' ? 'none yet' : `${observedCommit.slice(0, 12)}${subject}`],
    ['Read', status.readAt === null ? 'not yet' : `${age(status.readAt, now)} ago`],
    ['Suspended', status.suspended ? paint.warn('yes: what runs goes on, and no change of it is applied') : ''],
    ['Failure', status.failure === null ? '' : paint.bad(oneLine(status.failure))],
    ['Services', String(status.services)],
    ['Drift', status.driftPolicy === 'correct' ? 'is corrected' : 'is only reported'],
    ...status.unmatchedPaths.map(({ message }): [string, string] => ['Path', paint.warn(oneLine(message))]),
    ['Held', status.pruneHeld.length === 0 ? '' : heldText(status.pruneHeld)],
  ];
  const sections = [
    facts
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${`${name}:`.padEnd(12)}${value}\n`)
      .join(''),
    section('Drift', filesText(source, now, paint), paint),
    section('Issues', status.issues.map((issue) => issueText(issue, paint, null)).join(''), paint),
  ];
  return fit(sections.filter((text) => text !== '').join('\n'), columns);
}
