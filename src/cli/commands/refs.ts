/** `diff --from --to` and `plan --from --to`: two states of the local repository compared, without a controller. */
import { resolve } from 'node:path';
import type { PlanReport } from '../../ports/admin.ts';
import type { Context } from '../context.ts';
import { compareStates } from '../compare-states.ts';
import { Repository, workingTree, type RefState } from '../git-refs.ts';
import { terminalClock } from '../terminal-clock.ts';
import { screenOf, type Terminal } from '../terminal.ts';
import { betweenRefs, diffText, planText, real, type Sides } from '../view/changes.ts';
import { count, githubText, issueText } from '../view/issues.ts';
import { planMarkdown } from '../view/plan-markdown.ts';

export interface RefOptions {
  readonly from?: string;
  readonly to?: string;
  readonly repo?: string;
  readonly path?: readonly string[];
  readonly output?: 'json' | 'markdown' | 'github';
}

/**
 * Exit code 0 when both states come to the same Services, 1 when not, 2 when manifests of the second are not valid (what is
 * valid is shown all the same). With -o github only the issues are said, as `validate` does: 1 when one is an error.
 */
export async function compareRefs(context: Context, options: RefOptions, verb: 'diff' | 'plan'): Promise<number> {
  const { terminal } = context;
  const repository = await Repository.open(resolve(terminal.cwd, options.repo ?? '.'), terminalClock(terminal));
  const paths = options.path ?? ['.'];
  const toRef = options.to ?? workingTree;
  const to = await repository.state(toRef, paths);
  const from = await repository.state(options.from ?? (await repository.mergeBase(toRef)), paths);
  for (const path of paths.filter((candidate) => !hasAny(from, candidate) && !hasAny(to, candidate)))
    terminal.err(`${terminal.errPaint.warn('warning:')} there is no manifest under ${path}, neither at ${from.ref} nor at ${to.ref}\n`);
  const report = compareStates({ from: from.files, to: to.files }, terminal.now());
  const { errors } = count(report.issues);
  if (options.output === 'github') {
    terminal.out(githubText(report.issues));
    return errors > 0 ? 1 : 0;
  }
  const refs = { from: { ref: from.ref, commit: from.commit }, to: { ref: to.ref, commit: to.commit } };
  if (options.output === undefined) for (const issue of report.issues) terminal.err(issueText(issue, terminal.errPaint, null));
  terminal.out(shown(report, betweenRefs(refs), options, verb, terminal));
  return errors > 0 ? 2 : real(report).length > 0 ? 1 : 0;
}

function hasAny({ files }: RefState, path: string): boolean {
  return path === '.' || files.some((file) => file.path === path || file.path.startsWith(`${path}/`));
}

function shown(report: PlanReport, sides: Sides, { output }: RefOptions, verb: 'diff' | 'plan', terminal: Terminal): string {
  if (output === 'json') return `${JSON.stringify({ ...sides.refs, ...report }, null, 2)}\n`;
  if (output === 'markdown') return planMarkdown(report, sides);
  return verb === 'diff' ? diffText(report, terminal.paint, sides) : planText(report, screenOf(terminal), sides);
}
