/**
 * Manifests held to what `fairlead.lock` says, as far as that is known while nothing runs: that it speaks of them alone, and that
 * nothing is approved beside it. What services really offer, `fairlead lock --check` knows. Pure.
 */
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';
import { sortIssues } from './across.ts';
import { Workspace, type Compiled, type SourceFile } from './workspace.ts';

/** Most Services that are not locked that are shown. */
const mostUnlocked = 100;
const approvedField = 'spec.migration.contract.approved';

/** As `compileFiles`, with what the lock and the manifests do not say alike. */
export function compileLocked(files: Iterable<SourceFile>, root: string): Compiled {
  const workspace = new Workspace('folder', root);
  workspace.update(files);
  const compiled = workspace.compile('');
  const services = [...compiled.services.values()];
  const unlocked = services.filter(({ lock, state }) => lock === undefined && state !== 'Draft').slice(0, mostUnlocked);
  const issues = [
    ...compiled.issues.map((issue): Issue => (issue.code === 'UnknownService' ? { ...issue, severity: 'error' } : issue)),
    ...unlocked.map(notLocked),
    ...services.flatMap((service) => approvedBeside(service, workspace)),
  ];
  return { ...compiled, issues: sortIssues(issues) };
}

function notLocked({ name, origin: { file, line } }: Service): Issue {
  const message = `\`${name}\` is not in fairlead.lock: what it offers is held to the gate of its rollouts alone.`;
  return { code: 'ServiceNotLocked', severity: 'warning', message, file, line, column: 1, path: '', subject: name };
}

/** Whoever reads the lock would take it for all that was approved. */
function approvedBeside({ name, lock, migration }: Service, workspace: Workspace): Issue[] {
  const { approved } = migration.contract;
  if (lock === undefined || approved === null || lock.contract.startsWith(approved)) return [];
  const [place] = workspace.explain(name, approvedField);
  const { file, line, column } = place!;
  const message = `\`${name}\` is locked to ${lock.contract.slice(0, 12)}, and its manifest approves ${approved.slice(0, 12)} besides.`;
  const expected = 'one of them: the lock, or no entry in it';
  return [{ code: 'ApprovedNotLocked', severity: 'error', message, file, line, column, path: approvedField, expected, subject: name }];
}
