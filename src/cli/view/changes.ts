/** A PlanReport as a unified diff and as words. Pure. */
import { createTwoFilesPatch } from 'diff';
import type { Applied, PlanReport, Proposed, ServiceChange } from '../../ports/admin.ts';
import { contractLines } from './contract.ts';
import type { Paint } from './paint.ts';
import { fit, type Screen } from './screen.ts';

const actionWords: Record<ServiceChange['action'], string> = {
  create: 'created',
  update: 'changed',
  delete: 'deleted',
  unchanged: 'unchanged',
};

/** What two states are called in the heads of a diff, and where they are of: what is declared now and what is proposed, or two refs of a repository. */
export interface Sides {
  readonly before: string;
  readonly after: string;
  /** The refs compared; null when it was with what is declared now. */
  readonly refs: Refs | null;
}

/** Two states of a repository; a commit is null for the working tree. */
export interface Refs {
  readonly from: { readonly ref: string; readonly commit: string | null };
  readonly to: { readonly ref: string; readonly commit: string | null };
}

export const withDeclared: Sides = { before: 'declared/', after: 'proposed/', refs: null };

export function betweenRefs(refs: Refs): Sides {
  return { before: `${refs.from.ref}:`, after: `${refs.to.ref}:`, refs };
}

/** Changes that are any. */
export function real(report: PlanReport): ServiceChange[] {
  return report.changes.filter(({ action }) => action !== 'unchanged');
}

/** Unified diff of resolved services, those that change only. */
export function diffText(report: PlanReport, paint: Paint, sides: Sides): string {
  return real(report)
    .map((change) => colourDiff(patchOf(change, sides), paint))
    .join('');
}

/** The unified diff of one resolved Service. */
export function patchOf({ service, action, before, after }: ServiceChange, sides: Sides): string {
  const from = action === 'create' ? '/dev/null' : `${sides.before}${service}`;
  const to = action === 'delete' ? '/dev/null' : `${sides.after}${service}`;
  return createTwoFilesPatch(from, to, before, after, undefined, undefined, { context: 3 }).replace(/^=+\n/, '');
}

/** A unified diff in colours. */
export function colourDiff(patch: string, paint: Paint): string {
  return patch
    .split('\n')
    .map((line) => {
      if (line.startsWith('---') || line.startsWith('+++')) return paint.bold(line);
      if (line.startsWith('@@')) return paint.busy(line);
      return line.startsWith('+') ? paint.good(line) : line.startsWith('-') ? paint.bad(line) : line;
    })
    .join('\n');
}

/** The diff, what would happen, what is held back, and the token that `apply --plan` takes. */
export function planText(report: PlanReport, { paint, columns }: Screen, sides: Sides): string {
  const changes = real(report);
  const lines = changes.flatMap((change) => [
    `${paint.bold(change.service)}: would be ${actionWords[change.action]}; ${revisionText(change)}`,
    ...change.steps.map((step, index) => `  ${index + 1}. ${step}`),
    ...contractOf(change, paint).map((line) => `  ${line}`),
    ...(change.dependants.length === 0 ? [] : [`  needed by: ${change.dependants.join(', ')}`]),
    ...change.warnings.map((warning) => `  ${paint.warn('warning:')} ${warning}`),
  ]);
  const held = report.pruneHeld.length === 0 ? [] : [`${paint.warn('held:')} too many deletions at once: ${report.pruneHeld.join(', ')}`];
  const same = report.changes.length - changes.length;
  const tail =
    changes.length === 0
      ? [`Nothing would change (${same} services compared).`]
      : [`${tally(changes)}; ${same} unchanged.`, tokenText(report.token, sides)];
  // A diff is for copying, too: its lines stay as they are.
  return `${diffText(report, paint, sides)}${fit([...lines, ...held, ...tail].join('\n'), columns)}\n`;
}

/** What the rollout would mean for clients; nothing where only the target's start will tell. */
function contractOf({ contract, revision }: ServiceChange, paint: Paint): readonly string[] {
  if (contract === null) return revision.rollout && revision.stable !== null ? ['contract: known once the target has started'] : [];
  return contract.class === null
    ? ['contract: no difference']
    : ['contract:', ...contractLines(contract, paint).map((line) => `  ${line}`)];
}

/** The token of two refs names their resolved states: whoever compares them again sees whether anything moved. */
function tokenText(token: string, { refs }: Sides): string {
  return refs === null ? `Plan ${token}: fairlead apply --plan ${token} …` : `Plan ${token}.`;
}

function revisionText({ revision, strategy }: ServiceChange): string {
  if (!revision.rollout) return 'no rollout';
  return `rollout (${strategy}) ${revision.stable ?? 'nothing'} → ${revision.target ?? 'nothing'}`;
}

/** `1 to create, 2 to update`. */
export function tally(changes: readonly ServiceChange[]): string {
  const of = (action: ServiceChange['action']): number => changes.filter((change) => change.action === action).length;
  return (['create', 'update', 'delete'] as const)
    .filter((action) => of(action) > 0)
    .map((action) => `${of(action)} to ${action}`)
    .join(', ');
}

/** `service/files changed`, one a line, as kubectl says it; that nothing changed is said, too. Of a proposal, where it waits. */
export function appliedText({ changes, proposed }: Applied, paint: Paint): string {
  if (changes.length === 0 && proposed === null) return paint.dim('Nothing changed.\n');
  const would = proposed === null ? '' : 'would be ';
  const lines = changes.map(
    ({ service, action }) =>
      `service/${service} ${would}${action === 'unchanged' ? paint.dim(actionWords[action]) : paint.bold(actionWords[action])}\n`,
  );
  return [...lines, ...(proposed === null ? [] : proposedLines(proposed, paint))].join('');
}

function proposedLines({ branch, base, compareUrl, pullRequest }: Proposed, paint: Paint): string[] {
  const pushed = `Pushed branch ${paint.bold(branch)}, to be merged into ${base}.\n`;
  if (pullRequest !== null)
    return [pushed, `Pull request ${pullRequest.number} ${pullRequest.created ? 'opened' : 'is open already'}: ${pullRequest.url}\n`];
  return compareUrl === null ? [pushed] : [pushed, `Open a pull request at ${compareUrl}\n`];
}
