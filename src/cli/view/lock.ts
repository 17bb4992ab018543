/** What `fairlead lock` would approve, in words. Pure. */
import type { LockChange, LockReport } from '../../ports/admin.ts';
import { contractLines } from './contract.ts';
import type { Paint } from './paint.ts';
import { fit, type Screen } from './screen.ts';

/** Of a hash, as many digits as tell it from others. */
const digits = 12;

/** Each entry that would be another, with what that means for clients; what is not known; and how many stay. */
export function lockText({ changes, same, skipped, token }: LockReport, { paint, columns }: Screen): string {
  const lines = [
    ...changes.flatMap((change) => changeLines(change, paint)),
    ...skipped.map(({ service, why }) => `${paint.bold(service)}: ${paint.warn('left as it is')}, ${why}`),
    changes.length === 0
      ? `Nothing to lock: ${same.length} of ${same.length + skipped.length} services offer what is locked.`
      : `${changes.length} to change, ${same.length} offer what is locked. Plan ${token}.`,
  ];
  return `${fit(lines.join('\n'), columns)}\n`;
}

function changeLines({ service, before, after, revision, comparison }: LockChange, paint: Paint): string[] {
  if (after === null) return [`${paint.bold(service)}: ${hashText(before)} → not locked, for no manifest declares it`];
  const head = `${paint.bold(service)}: ${hashText(before)} → ${hashText(after)}, which ${revision ?? 'it'} offers`;
  if (comparison === null)
    return before === null ? [head] : [head, '  what was locked is not known here: look at its tools before you approve'];
  const since = comparison.from === before ? [] : ['  since it was promoted:'];
  return [head, ...since, ...contractLines(comparison, paint).map((line) => `  ${line}`)];
}

function hashText(hash: string | null): string {
  return hash === null ? 'not locked' : hash.slice(0, digits);
}
