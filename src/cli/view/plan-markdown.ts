/**
 * A PlanReport as a comment on a pull request: what changes in a table, what is wrong with its place, and the diffs folded.
 * It begins with a marker by which a bot finds the comment it made before, and stays within what forges take; what does not
 * fit is counted. All that comes from manifests stands in code, so that none of it is read as Markdown. Pure.
 */
import { plural } from '../../base/plural.ts';
import type { Issue } from '../../model/issue.ts';
import type { PlanReport, ServiceChange } from '../../ports/admin.ts';
import { contractLines } from './contract.ts';
import { count } from './issues.ts';
import { patchOf, real, tally, type Refs, type Sides } from './changes.ts';
import { oneLine } from './table.ts';

/** The first line of the comment. */
export const planMarker = '<!-- fairlead-plan -->';

/** GitHub takes 65,536 characters; the rest is for whoever adds a line. */
const mostCharacters = 60_000;
/** Shares of it after which no more rows, and no more issues and warnings, are taken in: the diffs want some too. */
const rowsShare = 0.5;
const findingsShare = 0.75;
/** Kept for the last lines. */
const tailCharacters = 1_000;

export function planMarkdown(report: PlanReport, sides: Sides): string {
  const changes = real(report);
  const page = new Page();
  page.add([planMarker, `### Fairlead plan: ${headline(report, changes)}`, '', ...(sides.refs === null ? [] : [refsText(sides.refs), ''])]);
  const rows = addTable(page, changes);
  const findings = addFindings(page, report, changes);
  const diffs = changes.filter((change) => !page.add(detailsOf(change, sides), 1)).length;
  return page.text([...leftOutText({ rows, findings, diffs }), ...tokenLines(report, changes, sides)]);
}

/** Lines up to a number of characters. */
class Page {
  readonly #lines: string[] = [];
  #length = 0;

  /** Takes the lines in if they fit into that share of the page; false when they do not. */
  add(lines: readonly string[], share = 1): boolean {
    const length = lines.reduce((sum, line) => sum + line.length + 1, 0);
    if (this.#length + length > mostCharacters * share - tailCharacters) return false;
    this.#lines.push(...lines);
    this.#length += length;
    return true;
  }

  text(last: readonly string[]): string {
    return `${[...this.#lines, ...last].join('\n').trimEnd()}\n`;
  }
}

function headline(report: PlanReport, changes: readonly ServiceChange[]): string {
  const { errors } = count(report.issues);
  const wrong = errors === 0 ? '' : `${plural(errors, 'error')}; `;
  const same = report.changes.length - changes.length;
  return changes.length === 0
    ? `${wrong}nothing would change (${plural(same, 'service')})`
    : `${wrong}${tally(changes)}; ${same} unchanged`;
}

function refsText({ from, to }: Refs): string {
  const side = ({ ref, commit }: Refs['from']): string => {
    if (commit === null) return 'the working tree';
    return commit.startsWith(ref) ? code(ref.slice(0, 12)) : `${code(ref)} (${commit.slice(0, 12)})`;
  };
  return `${side(from)} → ${side(to)}`;
}

/** How many rows did not fit. */
function addTable(page: Page, changes: readonly ServiceChange[]): number {
  if (changes.length === 0) return 0;
  page.add(['| service | change | strategy | revision |', '| --- | --- | --- | --- |']);
  const left = changes.filter((change) => !page.add([rowOf(change)], rowsShare)).length;
  page.add(['']);
  return left;
}

function rowOf({ service, action, strategy, revision }: ServiceChange): string {
  const { stable, target, rollout } = revision;
  const moves = rollout
    ? `${stable === null ? 'nothing' : code(stable)} → ${target === null ? 'nothing' : code(target)}`
    : action === 'delete' && stable !== null
      ? `${code(stable)} → nothing`
      : 'no rollout';
  return `| ${code(service)} | ${action} | ${rollout ? strategy : '–'} | ${moves} |`;
}

/** Issues, what is held back, and warnings; how many did not fit. */
function addFindings(page: Page, report: PlanReport, changes: readonly ServiceChange[]): number {
  const { errors, warnings } = count(report.issues);
  const held = report.pruneHeld.length === 0 ? [] : [`- **held**: too many deletions at once: ${report.pruneHeld.map(code).join(', ')}`];
  const sorted = [...report.issues].sort((a, b) => rank(a) - rank(b));
  const lines = [
    ...sorted.map(issueLine),
    ...held,
    ...changes.flatMap(({ service, warnings: told }) => told.map((warning) => `- ${code(service)}: ${code(warning)}`)),
  ];
  if (lines.length === 0) return 0;
  const head = errors + warnings === 0 ? 'To look at' : `To look at: ${plural(errors, 'error')}, ${plural(warnings, 'warning')}`;
  page.add([`#### ${head}`, '']);
  const left = lines.filter((line) => !page.add([line], findingsShare)).length;
  page.add(['']);
  return left;
}

function rank({ severity }: Issue): number {
  return severity === 'error' ? 0 : severity === 'warning' ? 1 : 2;
}

function issueLine(issue: Issue): string {
  const { file, line, column, severity, message, suggestion } = issue;
  const meant = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`;
  return `- ${code(`${file}:${line}:${column}`)} **${severity}** ${issue.code}: ${code(`${message}${meant}`)}`;
}

function detailsOf(change: ServiceChange, sides: Sides): string[] {
  const { service, steps, dependants } = change;
  return [
    `<details><summary><code>${service}</code>: what would happen</summary>`,
    '',
    ...(steps.length === 0 ? ['Applies at once, without a rollout.'] : steps.map((step, index) => `${index + 1}. ${code(step)}`)),
    ...(dependants.length === 0 ? [] : ['', `Needed by ${dependants.map(code).join(', ')}.`]),
    '',
    ...contractOf(change),
    fenced(patchOf(change, sides), 'diff'),
    '',
    '</details>',
    '',
  ];
}

/** What clients would notice, where it is known; else when it will be. */
function contractOf({ contract, revision }: ServiceChange): readonly string[] {
  if (contract !== null) return contract.class === null ? [] : ['Contract:', '', fenced(contractLines(contract).join('\n'), ''), ''];
  return revision.rollout && revision.stable !== null
    ? ['Contract: known once the target has started; then the rollout compares them.', '']
    : [];
}

function leftOutText(left: { rows: number; findings: number; diffs: number }): string[] {
  const parts = [
    ...(left.rows === 0 ? [] : [`${left.rows} rows of the table`]),
    ...(left.findings === 0 ? [] : [plural(left.findings, 'issue')]),
    ...(left.diffs === 0 ? [] : [plural(left.diffs, 'diff')]),
  ];
  return parts.length === 0
    ? []
    : [`**Left out, for the length of this comment:** ${parts.join(', ')}. \`fairlead plan\` shows them all.`, ''];
}

function tokenLines(report: PlanReport, changes: readonly ServiceChange[], { refs }: Sides): string[] {
  if (changes.length === 0) return [];
  const names = refs === null ? '' : ' Revisions are named without the folder that a controller runs them in, so its own names differ.';
  return [`Plan token: \`${report.token}\`.${names}`];
}

/** A code span that nothing in it can end; one line, invisible characters made visible. */
function code(text: string): string {
  const line = oneLine(text).trim();
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  if (longest === 0) return `\`${line}\``;
  const ticks = '`'.repeat(longest + 1);
  return `${ticks} ${line} ${ticks}`;
}

/** A code fence longer than any run of backticks inside, so that no manifest can end it. Characters that nobody sees are made visible. */
function fenced(text: string, language: string): string {
  const shown = text.trimEnd().replaceAll(/[^\P{Cc}\n\t]|\p{Cf}/gu, '\u{fffd}');
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${shown}\n${fence}`;
}
