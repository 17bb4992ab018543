/** `diff`, `plan`, `apply`, `delete`, `rollout undo`: changes of what is declared, through the source of truth. */
import { FairleadError, messageOf } from '../../base/error.ts';
import type { RolloutStatus, ServiceResource } from '../../model/resource.ts';
import type { Applied, AppliedChange, Declared, PlanReport, Proposal, Writing } from '../../ports/admin.ts';
import type { AdminClient, Context } from '../context.ts';
import { exitCodeOf, tellError, usage } from '../errors.ts';
import { follow, restOf, serviceNamed, type Seen } from '../follow.ts';
import { readManifests } from '../manifest-files.ts';
import { screenOf, type Terminal } from '../terminal.ts';
import { appliedText, diffText, planText, real, withDeclared } from '../view/changes.ts';
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
    options.output === 'json' ? json(report) : diffText(report, context.terminal.paint, withDeclared),
  );
}

/** As diff, and what would happen. */
export async function plan(context: Context, options: Input & RefOptions): Promise<number> {
  return compare(context, options, 'plan', (report) => {
    if (options.output === 'json') return json(report);
    return options.output === 'markdown' ? planMarkdown(report, withDeclared) : planText(report, screenOf(context.terminal), withDeclared);
  });
}

/** Refs with each other, or the manifests given with what is declared now. */
async function compare(
  context: Context,
  options: Input & RefOptions,
  verb: 'diff' | 'plan',
  show: (report: PlanReport) => string,
): Promise<number> {
  const refs = namesRefs(options);
  if (refs && options.filename !== undefined)
    throw usage('-f compares with what is declared now, --from and --to compare two refs.', 'give one of them');
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
    context.terminal.out(planText(report, screenOf(context.terminal), withDeclared));
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
  const admin = await context.admin();
  const applied = await make(admin, await writingOf(terminal, options));
  terminal.out(appliedText(applied, terminal.paint));
  for (const file of applied.files) terminal.err(terminal.errPaint.dim(`wrote ${oneLine(file)}\n`));
  if (applied.proposed?.problem)
    terminal.err(`${terminal.errPaint.warn('warning:')} no pull request was opened: ${oneLine(applied.proposed.problem)}\n`);
  if (!options.wait) return 0;
  return settleAll(context, admin, applied, options.timeout ?? defaultTimeoutMs);
}

/**
 * Follows all that changed at the same time, and says of each how it ended as soon as it has. Exit code 0 when all are good; else the
 * first that was not decides: 1 for a bad end, or its error is thrown, once the others have ended too.
 */
async function settleAll(context: Context, admin: AdminClient, { changes, snapshot }: Applied, timeoutMs: number): Promise<number> {
  const { terminal } = context;
  const followed = changes.filter(({ action }) => action !== 'unchanged');
  /** In the order in which they ended. */
  const failed: Promise<boolean>[] = [];
  const said = new Set<string>();
  const settle = async (change: AppliedChange): Promise<void> => {
    const end = settles(context, admin, { change, snapshot, timeoutMs, beside: followed.length });
    try {
      if (await end) return;
    } catch (thrown) {
      if (terminal.signal.aborted) throw thrown;
      // The first is thrown in the end; what no controller answers to is the same for all.
      if (failed.length > 0 && !said.has(messageOf(thrown))) tellError(terminal, thrown);
      said.add(messageOf(thrown));
    }
    failed.push(end);
  };
  await Promise.all(followed.map(settle));
  const [first] = failed;
  return first === undefined || (await first) ? 0 : 1;
}

interface Followed {
  readonly change: AppliedChange;
  readonly snapshot: string;
  readonly timeoutMs: number;
  /** How many are followed at once. */
  readonly beside: number;
}

/** Follows one service until it is what was applied, or it is known that it will not be; says how it ended. */
async function settles(context: Context, admin: AdminClient, { change, snapshot, timeoutMs, beside }: Followed): Promise<boolean> {
  const { terminal } = context;
  const { service: name, action } = change;
  let told: RolloutStatus | null = null;
  let toldState = '';
  const tell = ({ status: { state, rollout } }: ServiceResource): void => {
    const progress = rollout === null ? [`${name}  ${state}`] : rolloutChanges(name, told, rollout, terminal.now());
    if (rollout !== null || state !== toldState) for (const line of progress) terminal.err(terminal.errPaint.dim(`${line}\n`));
    told = rollout ?? told;
    toldState = state;
  };
  const judge = async (seen: Seen): Promise<End | null> => {
    if (seen !== null) tell(seen);
    else if (action === 'delete') return { good: true, text: `service/${name} is gone\n` };
    const taken = seen !== null && action !== 'delete' && seen.observedCommit === snapshot;
    const declared = taken ? null : await admin.declared(name);
    if (declared !== null && isOvertaken(declared, change, snapshot)) return overtakenEnd(terminal, name, declared);
    const isSeen = taken || (seen !== null && declared?.kind === 'declared' && seen.observedCommit === declared.snapshot);
    if (seen !== null && isHeld(seen, action, isSeen)) return suspendedEnd(terminal, name, isSeen);
    return isSeen ? restEnd(terminal, seen) : null;
  };
  const end = await follow(context, name, timeoutMs, judge, beside);
  terminal.out(end.text);
  if (!end.good) terminal.err(`  ${terminal.errPaint.bold('next:')} ${end.next ?? `fairlead describe service ${name}`}\n`);
  return end.good;
}

/** How a change of a service ended; `next`: what to do, where that is more than to look at it. */
interface End {
  readonly good: boolean;
  readonly text: string;
  readonly next?: string;
}

/** null while something is under way. */
function restEnd(terminal: Terminal, seen: ServiceResource): End | null {
  const rest = restOf(seen);
  if (rest === null) return null;
  const good = rest === 'good';
  const { name } = seen.metadata;
  const { state, stable } = seen.status;
  const verdict = good ? terminal.paint.good(`is ${state}`) : terminal.paint.bad('was not taken');
  const why = good ? '' : rolloutText(seen, terminal.now(), screenOf(terminal));
  return { good, text: `service/${name} ${verdict}${stable === null ? '' : `, ${stable} serves`}\n${why}` };
}

/** Whether it is suspended, so that what it is told by now is not taken, or nothing further will be; what began before goes on. */
function isHeld({ status }: ServiceResource, action: AppliedChange['action'], isSeen: boolean): boolean {
  if (!status.suspended) return false;
  return isSeen ? status.rollout === null : action !== 'delete' || status.state !== 'Deactivating';
}

function suspendedEnd({ paint }: Terminal, name: string, isSeen: boolean): End {
  const what = isSeen ? '' : ': what was written is taken once it is resumed';
  return { good: false, text: `service/${name} ${paint.warn('is suspended')}${what}\n`, next: `fairlead resume ${name}` };
}

/** Whether something else is declared than was applied. What was applied counts as declared also where it stands elsewhere since. */
function isOvertaken(declared: Declared, { action, specHash }: AppliedChange, snapshot: string): boolean {
  if (declared.kind === 'unknown') return false;
  if (action === 'delete') return declared.kind !== 'absent';
  if (declared.kind !== 'declared') return true;
  return declared.snapshot !== snapshot && declared.specHash !== specHash;
}

function overtakenEnd({ paint }: Terminal, name: string, declared: Declared): End {
  const again = 'make the change again if it is still wanted';
  return {
    good: false,
    text: `service/${name} ${paint.bad('was overtaken')} ${byWhat(declared)}\n`,
    next: declared.kind === 'absent' ? again : `fairlead describe service ${name} shows what is declared now; ${again}`,
  };
}

function byWhat(declared: Declared): string {
  if (declared.kind === 'absent') return 'by its deletion: no source declares it any more';
  if (declared.kind !== 'declared') return 'by a manifest that is not valid';
  const { commit, file, source, revision } = declared;
  const by =
    commit === null
      ? `${oneLine(file)} of ${source}`
      : `commit ${commit.id.slice(0, 12)} “${oneLine(commit.subject)}” of ${oneLine(commit.author)}`;
  return `by ${by}, which declares ${revision}`;
}

async function proposalOf(context: Context, options: Input): Promise<Proposal> {
  if (options.filename === undefined || options.filename.length === 0)
    throw usage(
      'Say which manifests with -f PATH.',
      'such as -f my-service.yaml; diff and plan also compare refs: --from origin/main --to HEAD',
    );
  const { files } = await readManifests(context.terminal, options.filename);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const texts = files.map(({ path, bytes, problem }) => {
    if (problem !== undefined) throw usage(`${path} cannot be read: ${problem}.`, 'mend it, or name the files that are meant');
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
