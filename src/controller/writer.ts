/**
 * Writes changes to Sources: to each one after the other, each worked out against what its Source holds now, and worked out anew
 * when somebody else was quicker. Whoever asks says which files come out how; the words of the commit, its trailers, the
 * branch and the pull request of a proposal, and the audit are made here.
 */
import { FairleadError, messageOf } from '../base/error.ts';
import type { EventDraft } from '../model/event.ts';
import type { Applied, PlanReport, Proposed, Writing } from '../ports/admin.ts';
import type { Change, WritableSource } from '../ports/source.ts';
import type { ControllerContext } from './context.ts';
import { event } from './loop.ts';
import type { Proposals } from './parts.ts';
import type { SourceKeeper } from './source-keeper.ts';

/** Who asks for a change, and how it is to be said. */
export interface Wanted {
  readonly verb: 'apply' | 'delete' | 'undo' | 'lock' | 'revert';
  /** null: the controller itself. */
  readonly uid: number | null;
  readonly writing: Writing;
  /** The plan that was looked at before; null when there was none. */
  readonly planToken: string | null;
  /** Reason of the Event that says that it was written; null: whoever asks tells it. */
  readonly reason: string | null;
  /** The one Service that it is about; null for several. */
  readonly service: string | null;
}

/** A change worked out against its Source as that is now. */
export interface Worked {
  /** Id of the Snapshot that it was worked out against. */
  readonly onto: string;
  /** Path → text, or null to delete. None: there is nothing to write. */
  readonly files: Readonly<Record<string, string | null>>;
  /** What becomes of which Services. */
  readonly changes: Applied['changes'];
  /** Services whose deletion was asked for: the prune guard lets them go. */
  readonly gone: readonly string[];
  /** What is said of it where nobody said anything else. */
  readonly subject: string;
  readonly body: string;
  /** Hexadecimal digits, eight or more, that are the same for the same change of the same Snapshot. */
  readonly token: string;
  /** What would happen, for those who look at a proposal; null when there is nothing more to say. */
  readonly report: (() => Promise<PlanReport>) | null;
}

/** How often a change is worked out before somebody is told that others are always quicker. */
const mostAttempts = 5;

export class Writer {
  readonly #controller: ControllerContext;
  /** By Source, changes one after the other: each is made against what the one before left. */
  readonly #turns = new Map<SourceKeeper, Promise<unknown>>();

  constructor(controller: ControllerContext) {
    this.#controller = controller;
  }

  /**
   * Writes what `work` answers to a Source; it is called again, up to five times in all, when the Source has moved meanwhile. What it
   * throws goes on to the caller. Rejects SourceMoved when somebody else was quicker each time, and Refused for a Source
   * that takes no such change.
   */
  async write(wanted: Wanted, source: SourceKeeper, work: () => Promise<Worked>): Promise<Applied> {
    const rest = await this.#inTurn(source, async () => {
      for (let attempt = 1; ; attempt += 1) {
        const worked = await work();
        try {
          return await this.#written(wanted, source, worked);
        } catch (thrown) {
          if (!hasMoved(thrown) || attempt === mostAttempts) throw thrown;
          await moveOn(source, worked.onto, thrown);
        }
      }
    });
    return rest();
  }

  /** Answers what is left to do: a forge that takes its time keeps nobody else waiting. */
  async #written(wanted: Wanted, source: SourceKeeper, worked: Worked): Promise<() => Promise<Applied>> {
    const { changes } = worked;
    const files = Object.keys(worked.files).sort();
    const applied = (snapshot: string): Applied => ({ snapshot, changes, files, proposed: null });
    if (files.length === 0) return async () => applied(worked.onto);
    if (wanted.writing.propose !== false) {
      const { snapshot, open } = await this.#propose(wanted, source, worked);
      return async () => ({ ...applied(snapshot), proposed: await open() });
    }
    if (source.declared.suspended)
      throw new FairleadError('Refused', `${source.name} is suspended: nothing written to it would be read. Resume it first.`);
    const writable = writableOf(source);
    await this.#controller.approveDeletions(worked.gone);
    let snapshot: string;
    try {
      ({ snapshot } = await writable.write(changeOf(wanted, worked, null)));
    } catch (thrown) {
      await this.#controller.withdrawApprovals(worked.gone);
      throw thrown;
    }
    // The next change is to be made against what this one left.
    await source.settled();
    await this.audit(wanted, `Wrote ${files.join(', ')}: ${summary(changes)}.`, snapshot);
    return async () => applied(snapshot);
  }

  /** Pushes the branch; `open` opens the pull request. */
  async #propose(
    wanted: Wanted,
    source: SourceKeeper,
    worked: Worked,
  ): Promise<{ readonly snapshot: string; readonly open: () => Promise<Proposed> }> {
    const proposals = proposalsOf(source);
    const { propose } = wanted.writing;
    const branch = typeof propose === 'string' ? propose : branchOf(wanted, worked);
    if (branch === proposals.base)
      throw new FairleadError('Refused', `${branch} is what ${source.name} follows: a proposal needs a branch of its own.`);
    const change = changeOf(wanted, worked, branch);
    const report = proposals.propose === null || worked.report === null ? null : await worked.report();
    const snapshot = await pushed(writableOf(source), change, wanted);
    const open = async (): Promise<Proposed> => {
      const proposed = await proposedOf(proposals, branch, change, report);
      const where = proposed.pullRequest?.url ?? proposed.compareUrl;
      const page = where === null ? '' : ` (${where})`;
      const what = summary(worked.changes);
      await this.audit(wanted, `Proposed on branch ${branch}${page}, to be merged into ${proposals.base}: ${what}.`, snapshot);
      return proposed;
    };
    return { snapshot, open };
  }

  /** An Event that says who asked for what; none without a reason. */
  async audit(
    { uid, reason, service }: Pick<Wanted, 'uid' | 'reason' | 'service'>,
    message: string,
    snapshot: string | null,
  ): Promise<void> {
    if (reason === null) return;
    const actor: EventDraft['actor'] = uid === null ? 'controller' : `uid:${uid}`;
    const { loop, parts } = this.#controller;
    await loop.append([event(parts.clock.now(), 'Normal', reason, message, service, { snapshot, actor })]);
  }

  async #inTurn<T>(source: SourceKeeper, work: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(source) ?? Promise.resolve()).then(work);
    this.#turns.set(
      source,
      result.catch(() => {}),
    );
    return result;
  }
}

/** Of Services that are already as they are to be. */
export function nothingToWrite({ state }: SourceKeeper, services: readonly string[]): Worked {
  const changes = services.map((service) => ({ service, action: 'unchanged' as const, specHash: null }));
  return { onto: state.snapshot!.id, files: {}, changes, gone: [], subject: '', body: '', token: '', report: null };
}

/** Says what becomes of Services: `update files, delete weather`. */
export function summary(changes: Applied['changes']): string {
  const changed = changes.filter(({ action }) => action !== 'unchanged').map(({ service, action }) => `${action} ${service}`);
  return changed.length === 0 ? 'nothing that runs changes' : changed.join(', ');
}

function hasMoved(thrown: unknown): boolean {
  return thrown instanceof FairleadError && thrown.code === 'SourceMoved';
}

/** Reads the Source again. Throws Refused where what it has moved to is not taken: nothing would be other than it was. */
async function moveOn(source: SourceKeeper, onto: string, cause: unknown): Promise<void> {
  await source.refresh();
  const { name, state, declared } = source;
  const why = state.refused?.message ?? declared.failure;
  if (state.snapshot?.id !== onto || why === null) return;
  throw new FairleadError('Refused', `${name} has moved to what is not taken: ${why} Nothing was written.`, {
    cause,
    data: { next: 'mend that first, or write it to a branch of its own (--propose)' },
  });
}

function writableOf({ name, parts: { source } }: SourceKeeper): WritableSource {
  if ('write' in source) return source;
  throw new FairleadError('Refused', `Nothing can be written to ${name} from here.`, {
    data: { next: 'commit the change to its repository' },
  });
}

function proposalsOf({ name, parts: { kind, proposals } }: SourceKeeper): Proposals {
  if (proposals !== undefined && proposals !== null) return proposals;
  const why = kind === 'folder' ? 'is a folder: it has no branches' : 'follows no branch that anything could be merged into';
  throw new FairleadError('Refused', `Nothing can be proposed to ${name}: it ${why}.`, {
    data: { next: kind === 'folder' ? 'leave --propose out' : 'commit the change to its repository' },
  });
}

function changeOf({ verb, uid, planToken, writing: { message, author } }: Wanted, worked: Worked, branch: string | null): Change {
  const said = message === null ? { subject: worked.subject, body: worked.body } : wordsOf(message);
  const trailers: [string, string][] = [['Fairlead-Verb', verb]];
  if (planToken !== null) trailers.push(['Fairlead-Plan', planToken]);
  if (uid !== null) trailers.push(['Fairlead-Requested-By', `uid:${uid}`]);
  return { files: worked.files, onto: worked.onto, ...said, trailers, author, branch };
}

/** The first line, and what follows. */
function wordsOf(message: string): { readonly subject: string; readonly body: string } {
  const [subject = '', ...rest] = message.trim().split('\n');
  return { subject: subject.trim(), body: rest.join('\n').trim() };
}

/** More than these are counted, and a longer list of them too. */
const mostNames = 3;
const mostNameCharacters = 60;

/** `fairlead/apply-files-7f3a9c21`: the same change of the same Snapshot has the same branch. */
function branchOf({ verb, service }: Wanted, { changes, token }: Worked): string {
  const names = service === null ? changes.filter(({ action }) => action !== 'unchanged').map((change) => change.service) : [service];
  const joined = names.join('-');
  const few = names.length <= mostNames && joined.length <= mostNameCharacters;
  return ['fairlead/', verb, names.length === 0 ? '' : `-${few ? joined : `${names.length}-services`}`, `-${token.slice(0, 8)}`].join('');
}

/** Id of the commit that the branch is at. */
async function pushed(writable: WritableSource, change: Change, { verb }: Wanted): Promise<string> {
  try {
    return (await writable.write(change)).snapshot;
  } catch (thrown) {
    // Its name says which commit is taken back: whoever pushed it, and onto what, it is that proposal.
    if (verb === 'revert' && thrown instanceof FairleadError && thrown.data['taken'] === true) return change.onto;
    throw thrown;
  }
}

/** Opens the pull request, where a token lets us. The branch is there whatever the forge says. */
async function proposedOf(proposals: Proposals, branch: string, { subject, body }: Change, report: PlanReport | null): Promise<Proposed> {
  const { base, propose } = proposals;
  const pushed = { branch, base, compareUrl: proposals.compareUrl(branch), pullRequest: null, problem: null };
  if (propose === null) return pushed;
  const text = [body, ...(report === null ? [] : [proposals.planText(report)])].filter((part) => part !== '').join('\n\n');
  try {
    return { ...pushed, pullRequest: await propose({ branch, base, title: subject, body: text }) };
  } catch (thrown) {
    return { ...pushed, problem: messageOf(thrown) };
  }
}
