/** A PlanReport as a unified diff, as words, and as Markdown for a pull request. Pure. */
import { createTwoFilesPatch } from 'diff';
import type { Applied, PlanReport, ServiceChange } from '../../ports/admin.ts';
import { contractLines } from './contract.ts';
import type { Paint } from './paint.ts';
import { fit, type Screen } from './screen.ts';

const actionWords: Record<ServiceChange['action'], string> = {
  create: 'created',
  update: 'changed',
  delete: 'deleted',
  unchanged: 'unchanged',
};

/** Changes that are any. */
export function real(report: PlanReport): ServiceChange[] {
  return report.changes.filter(({ action }) => action !== 'unchanged');
}

/** Unified diff of resolved services, those that change only. */
export function diffText(report: PlanReport, paint: Paint): string {
  return real(report)
    .map((change) => colourDiff(patchOf(change), paint))
    .join('');
}

function patchOf({ service, action, before, after }: ServiceChange): string {
  const from = action === 'create' ? '/dev/null' : `live/${service}`;
  const to = action === 'delete' ? '/dev/null' : `declared/${service}`;
  return createTwoFilesPatch(from, to, before, after, undefined, undefined, { context: 3 }).replace(/^=+\n/, '');
}

function colourDiff(patch: string, paint: Paint): string {
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
export function planText(report: PlanReport, { paint, columns }: Screen): string {
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
      : [`${tally(changes)}; ${same} unchanged.`, `Plan ${report.token}: fairlead apply --plan ${report.token} …`];
  // A diff is for copying, too: its lines stay as they are.
  return `${diffText(report, paint)}${fit([...lines, ...held, ...tail].join('\n'), columns)}\n`;
}

export function planMarkdown(report: PlanReport): string {
  const changes = real(report);
  if (changes.length === 0) return 'Fairlead: nothing would change.\n';
  const rows = changes.map(
    (change) =>
      `| \`${change.service}\` | ${change.action} | ${revisionText(change)} | ${change.dependants.map((name) => `\`${name}\``).join(', ') || '–'} |`,
  );
  const details = changes.map((change) =>
    [
      `<details><summary><code>${change.service}</code>: what would happen</summary>`,
      '',
      ...change.steps.map((step, index) => `${index + 1}. \`${step.replaceAll('`', "'")}\``),
      ...change.warnings.map((warning) => `- **warning**: ${warning}`),
      '',
      ...contractMarkdown(change),
      fenced(patchOf(change), 'diff'),
      '',
      '</details>',
    ].join('\n'),
  );
  const held = report.pruneHeld.length === 0 ? [] : ['', `**Held back**, too many deletions at once: ${report.pruneHeld.join(', ')}`];
  return [
    `### Fairlead: ${tally(changes)}`,
    '',
    '| service | change | revision | needed by |',
    '| --- | --- | --- | --- |',
    ...rows,
    ...held,
    '',
    ...details,
    '',
    `Plan token: \`${report.token}\``,
    '',
  ].join('\n');
}

/** What the rollout would mean for clients; nothing where only the target's start will tell. */
function contractOf({ contract, revision }: ServiceChange, paint: Paint): readonly string[] {
  if (contract === null) return revision.rollout && revision.stable !== null ? ['contract: known once the target has started'] : [];
  return contract.class === null
    ? ['contract: no difference']
    : ['contract:', ...contractLines(contract, paint).map((line) => `  ${line}`)];
}

function contractMarkdown({ contract }: ServiceChange): readonly string[] {
  return contract === null || contract.class === null ? [] : ['Contract:', '', fenced(contractLines(contract).join('\n'), ''), ''];
}

/** A code fence longer than any run of backticks inside, so that no manifest can end it. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

function revisionText({ revision, strategy }: ServiceChange): string {
  if (!revision.rollout) return 'no rollout';
  return `rollout (${strategy}) ${revision.stable ?? 'nothing'} → ${revision.target ?? 'nothing'}`;
}

function tally(changes: readonly ServiceChange[]): string {
  const of = (action: ServiceChange['action']): number => changes.filter((change) => change.action === action).length;
  return (['create', 'update', 'delete'] as const)
    .filter((action) => of(action) > 0)
    .map((action) => `${of(action)} to ${action}`)
    .join(', ');
}

/** `service/files changed`, one a line, as kubectl says it; that nothing changed is said, too. */
export function appliedText(applied: Applied, paint: Paint): string {
  if (applied.changes.length === 0) return paint.dim('Nothing changed.\n');
  return applied.changes
    .map(
      ({ service, action }) =>
        `service/${service} ${action === 'unchanged' ? paint.dim(actionWords[action]) : paint.bold(actionWords[action])}\n`,
    )
    .join('');
}
