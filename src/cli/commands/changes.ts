/** `diff`, `plan`, `apply`, `delete`, `rollout undo`: changes of what is declared, through the source of truth. */
import { FairleadError } from '../../base/error.ts';
import type { RolloutStatus } from '../../model/resource.ts';
import type { Applied, PlanReport, Proposal, Writing } from '../../ports/admin.ts';
import type { AdminClient, Context } from '../context.ts';
import { exitCodeOf, tellError, usage } from '../errors.ts';
import { follow, restOf, serviceNamed } from '../follow.ts';
import { readManifests } from '../manifest-files.ts';
import { screenOf } from '../terminal.ts';
import { appliedText, diffText, planText, real, withLive } from '../view/changes.ts';
import { issueText } from '../view/issues.ts';
import { planMarkdown } from '../view/plan-markdown.ts';
import { rolloutChanges } from '../view/rollout-lines.ts';
import { rolloutText } from '../view/rollout-picture.ts';
import { oneLine } from '../view/table.ts';
import { writingOf, type WritingOptions } from '../writing.ts';
import type { RefOptions } from './refs.ts';

interface Input {
  readonly filename?: readonly string[];
  readonly prune?: true;
  readonly source?: string;
}
export interface Waiting {
  readonly wait?: true;
  /** In ms. */
  readonly timeout?: number;
}

export type Changing = Waiting & WritingOptions;

const defaultTimeoutMs = 300_000;
/** What kubectl diff and diff(1) say when they could not compare. */
const couldNotCompare = 2;

/** Exit code 0 when all is the same, 1 when it differs, more when it could not be said: 2 when the manifests are not valid. */
export async function diff(context: Context, options: Input & RefOptions): Promise<number> {
  return compare(context, options, 'diff', (report) =>
    options.output === 'json' ? json(report) : diffText(report, context.terminal.paint, withLive),
  );
}

/** As diff, and what would happen. */
export async function plan(context: Context, options: Input & RefOptions): Promise<number> {
  return compare(context, options, 'plan', (report) => {
    if (options.output === 'json') return json(report);
    return options.output === 'markdown' ? planMarkdown(report, withLive) : planText(report, screenOf(context.terminal), withLive);
  });
}

/** Refs with each other, or the manifests given with what is live. */
async function compare(
  context: Context,
  options: Input & RefOptions,
  verb: 'diff' | 'plan',
  show: (report: PlanReport) => string,
): Promise<number> {
  const refs = namesRefs(options);
  if (refs && options.filename !== undefined)
    throw usage('-f compares with what is live, --from and --to compare two refs.', 'give one of them');
  try {
    if (refs) return await (await import('./refs.ts')).compareRefs(context, options, verb);
    if (options.output === 'github') throw usage('-o github is for --from and --to.', 'fairlead validate PATH -o github');
    return told(context, await (await context.admin()).plan(await proposalOf(context, options)), show);
  } catch (thrown) {
    // 1 would say that they differ.
    if (exitCodeOf(thrown) > 1) throw thrown;
    tellError(context.terminal, thrown);
    return couldNotCompare;
  }
}

function told(context: Context, report: PlanReport, show: (report: PlanReport) => string): number {
  if (tellIssues(context, report)) return couldNotCompare;
  context.terminal.out(show(report));
  return real(report).length > 0 ? 1 : 0;
}

/** Whether the flags ask for refs rather than for what runs. */
function namesRefs({ from, to, repo, path }: RefOptions): boolean {
  return from !== undefined || to !== undefined || repo !== undefined || path !== undefined;
}

/** Exit code 0; 1 when a service came to a bad end (--wait); throws Refused and TimedOut. */
export async function apply(context: Context, options: Input & Changing & { dryRun?: true; plan?: string }): Promise<number> {
  const proposal = await proposalOf(context, options);
  if (options.dryRun) {
    const report = await (await context.admin()).plan(proposal);
    if (tellIssues(context, report)) return 1;
    context.terminal.out(planText(report, screenOf(context.terminal), withLive));
    return 0;
  }
  return change(context, options, async (admin, writing) => admin.apply(proposal, options.plan ?? null, writing));
}

export async function remove(context: Context, names: readonly string[], options: Changing): Promise<number> {
  await context.admin();
  for (const name of names) await serviceNamed(context, name);
  return change(context, options, async (admin, writing) => admin.apply({ files: {}, deletions: names, prune: false }, null, writing));
}

/** Writes the manifest of an older Revision to the source: a change like any other. */
export async function undo(context: Context, name: string, options: Changing & { toRevision?: string }): Promise<number> {
  return change(context, options, async (admin, writing) => admin.undo(name, options.toRevision ?? null, writing));
}

/** Makes a change, says what it was, and with --wait follows every service that it touched. */
export async function change(
  context: Context,
  options: Changing,
  make: (admin: AdminClient, writing: Writing) => Promise<Applied>,
): Promise<number> {
  const { terminal } = context;
  if (options.timeout !== undefined && !options.wait) throw usage('--timeout is for --wait.', 'add --wait, or leave --timeout out');
  if (options.propose && options.wait)
    throw usage('Nothing changes before somebody merges a proposal: there is nothing to wait for.', 'leave --wait or --propose out');
  const applied = await make(await context.admin(), await writingOf(terminal, options));
  terminal.out(appliedText(applied, terminal.paint));
  for (const file of applied.files) terminal.err(terminal.errPaint.dim(`wrote ${oneLine(file)}\n`));
  if (applied.proposed?.problem)
    terminal.err(`${terminal.errPaint.warn('warning:')} no pull request was opened: ${oneLine(applied.proposed.problem)}\n`);
  if (!options.wait) return 0;
  const until = terminal.now() + (options.timeout ?? defaultTimeoutMs);
  let bad = 0;
  for (const { service, action } of applied.changes) {
    if (action === 'unchanged') continue;
    const left = Math.max(0, until - terminal.now());
    if (!(await settles(context, service, action === 'delete', applied.snapshot, left))) bad++;
  }
  return bad === 0 ? 0 : 1;
}

/** Follows one service until it is what was applied, or has turned out not to be; says how it ended. */
async function settles(context: Context, name: string, deleted: boolean, snapshot: string, timeoutMs: number): Promise<boolean> {
  const { terminal } = context;
  let told: RolloutStatus | null = null;
  let toldState = '';
  const end = await follow(context, name, timeoutMs, (seen) => {
    if (seen === null) return deleted ? { good: true, text: `service/${name} is gone\n` } : null;
    const { state, rollout } = seen.status;
    const progress = rollout === null ? [`${name}  ${state}`] : rolloutChanges(name, told, rollout, terminal.now());
    if (rollout !== null || state !== toldState) for (const line of progress) terminal.err(terminal.errPaint.dim(`${line}\n`));
    told = rollout ?? told;
    toldState = state;
    const rest = deleted || seen.observedCommit !== snapshot ? null : restOf(seen);
    if (rest === null) return null;
    const good = rest === 'good';
    const why = good ? '' : rolloutText(seen, terminal.now(), screenOf(terminal));
    return {
      good,
      text: `service/${name} ${good ? terminal.paint.good(`is ${seen.status.state}`) : terminal.paint.bad('was not taken')}${seen.status.stable === null ? '' : `, ${seen.status.stable} serves`}\n${why}`,
    };
  });
  terminal.out(end.text);
  if (!end.good) terminal.err(`  ${terminal.errPaint.bold('next:')} fairlead describe service ${name}\n`);
  return end.good;
}

async function proposalOf(context: Context, options: Input): Promise<Proposal> {
  if (options.filename === undefined || options.filename.length === 0)
    throw usage(
      'Say which manifests with -f PATH.',
      'such as -f my-service.yaml; diff and plan also compare refs: --from origin/main --to HEAD',
    );
  const { files } = await readManifests(context.terminal, options.filename);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const texts = files.map(({ path, bytes }) => {
    try {
      return [path, decoder.decode(bytes)] as const;
    } catch (cause) {
      throw new FairleadError('Usage', `${path} is not UTF-8 text.`, { cause, data: { next: `fairlead validate ${path} tells where` } });
    }
  });
  const { source } = options;
  return { files: Object.fromEntries(texts), deletions: [], prune: options.prune === true, ...(source === undefined ? {} : { source }) };
}

/** Prints Issues to stderr; true when one of them is an error. */
function tellIssues({ terminal }: Context, report: PlanReport): boolean {
  for (const issue of report.issues) terminal.err(issueText(issue, terminal.errPaint, null));
  return report.issues.some(({ severity }) => severity === 'error');
}

function json(report: PlanReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
