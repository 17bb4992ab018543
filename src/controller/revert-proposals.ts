/**
 * Proposes to take back what a Rollout has taken back: for each Service of a git Source that asks for it (`revertProposals`)
 * whose declared Revision was rejected while stable serves on, a branch with the manifest of stable, once for each commit
 * that declares it. Level-triggered; which branches were proposed is stored, and a branch has its name from the Service and
 * the commit, so that neither a restart nor a crash in between proposes twice. Nothing is ever pushed to what is followed.
 */
import { FairleadError, messageOf } from '../base/error.ts';
import type { Rejection, ServiceRecord } from '../model/record.ts';
import type { Revision } from '../model/revision.ts';
import type { Applied } from '../ports/admin.ts';
import { reasonOf } from './commit-status.ts';
import type { ControllerContext } from './context.ts';
import type { Drafts } from './drafts.ts';
import { event } from './loop.ts';
import type { SourceKeeper } from './source-keeper.ts';
import { sourceOf, takenBack, wayBack } from './way-back.ts';
import type { Wanted, Writer } from './writer.ts';

/** A rollback takes several passes to say one thing. */
const gatherMs = 200;
const firstWaitMs = 5_000;
const longestWaitMs = 300_000;
/** A commit that spoils more is better taken back whole, by whoever looks at the first of them. */
const mostOfOneCommit = 10;
/** The newest are remembered: a commit that long ago is declared no more. */
const mostRemembered = 1_000;
const key = 'revert-proposals';

/** Here changes are worked out and written, too. */
interface WritingContext extends ControllerContext {
  readonly drafts: Drafts;
  readonly writer: Writer;
}

/** A commit to take back for a Service. */
interface Revert {
  readonly record: ServiceRecord;
  readonly commit: string;
  readonly branch: string;
  readonly rejection: Rejection;
  /** The Revision that serves on. */
  readonly stable: Revision;
}

export class RevertProposals {
  readonly #controller: WritingContext;
  readonly #sources: readonly SourceKeeper[];
  /** Branches that were proposed, oldest first; null before they are loaded. */
  #done: readonly string[] | null = null;
  /** Branches that cannot be proposed; tried again by the next controller. */
  readonly #refused = new Set<string>();
  /** By branch: what was told of it last. */
  readonly #told = new Map<string, string>();
  #working: Promise<void> | null = null;
  /** Calls off what waits for its time; null when nothing does. */
  #cancel: (() => void) | null = null;
  #waitMs = firstWaitMs;
  #fresh = false;
  #closed = false;

  constructor(controller: WritingContext) {
    this.#controller = controller;
    this.#sources = [...controller.sources.values()].filter(({ parts }) => parts.proposals?.reverts === true);
  }

  /** Something may be otherwise than it was. */
  changed(): void {
    if (this.#sources.length === 0) return;
    this.#fresh = true;
    this.#beginAfter(gatherMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#working;
  }

  #beginAfter(waitMs: number): void {
    if (this.#cancel !== null || this.#working !== null || this.#closed) return;
    this.#cancel = this.#controller.parts.clock.after(waitMs, () => {
      this.#cancel = null;
      this.#working = this.#work().then((failed) => {
        this.#working = null;
        if (failed) this.#beginAfter(this.#waitMs);
        else if (this.#fresh) this.#beginAfter(gatherMs);
        this.#waitMs = failed ? Math.min(this.#waitMs * 2, longestWaitMs) : firstWaitMs;
      });
    });
  }

  /** True when something of it is to be tried again. */
  async #work(): Promise<boolean> {
    this.#fresh = false;
    let failed = false;
    for (const source of this.#sources)
      for (const revert of revertsOf(this.#controller, source)) {
        if (this.#closed) return false;
        try {
          await this.#attempt(revert);
        } catch (thrown) {
          if (this.#closed || this.#controller.loop.fencedBy(thrown)) return false;
          failed = !(await this.#failed(revert, thrown)) || failed;
        }
      }
    return failed;
  }

  async #attempt(revert: Revert): Promise<void> {
    const { parts, epoch } = this.#controller;
    this.#done ??= JSON.parse((await parts.store.setting(key)) ?? '[]') as string[];
    if (this.#done.includes(revert.branch) || this.#refused.has(revert.branch)) return;
    if (this.#done.filter((branch) => branch.endsWith(revert.commit.slice(0, 12))).length >= mostOfOneCommit)
      throw new FairleadError(
        'Refused',
        `${mostOfOneCommit} proposals for one commit are enough: git revert ${revert.commit} takes all of it back.`,
      );
    const { proposed } = await this.#pushed(revert);
    if (proposed !== null && proposed.problem !== null)
      throw new FairleadError('ForgeUnreachable', `Branch ${revert.branch} is there, but its pull request is not: ${proposed.problem}`);
    const done = [...this.#done, revert.branch].slice(-mostRemembered);
    await parts.store.saveSetting(epoch, key, JSON.stringify(done));
    this.#done = done;
    // Found again after a crash, or by a controller before this one: it was told then.
    if (proposed === null || proposed.pullRequest?.created === false) return;
    const page = proposed.pullRequest?.url ?? proposed.compareUrl;
    const message = `Branch ${proposed.branch} goes back to ${revert.stable.name}, to be merged into ${proposed.base}${page === null ? '' : `: ${page}`}`;
    await this.#tell('Normal', 'RevertProposed', message, revert);
  }

  /** Pushes the branch, and opens the pull request where there is a token. */
  async #pushed({ record, commit, branch, rejection, stable }: Revert): Promise<Applied> {
    const writing = { message: null, author: null, propose: branch };
    const { service } = record;
    const wanted: Wanted = { verb: 'revert', uid: null, writing, planToken: null, reason: null, service };
    const source = sourceOf(this.#controller, record);
    return this.#controller.writer.write(wanted, source, async () => {
      const draft = await wayBack(this.#controller, service, stable, source);
      const body = [
        `${rejection.name} was rolled back, and ${stable.name} serves on:`,
        // As code: no word of it is read as Markdown, and nobody is called by it.
        reasonOf(rejection).replaceAll(/^/gm, '    '),
        `This takes back commit ${takenBack(this.#controller, record) ?? commit} for ${service}.`,
      ].join('\n\n');
      return this.#controller.drafts.worked(draft, body, `Revert ${service} to ${stable.name}`);
    });
  }

  /** Tells it once. True when there is no sense in trying again. */
  async #failed(revert: Revert, thrown: unknown): Promise<boolean> {
    const final = thrown instanceof FairleadError && (thrown.code === 'Refused' || thrown.code === 'NotFound');
    if (final) this.#refused.add(revert.branch);
    const message = messageOf(thrown);
    if (this.#told.get(revert.branch) === message) return final;
    this.#told.set(revert.branch, message);
    await this.#tell('Warning', 'RevertNotProposed', `${message}${final ? '' : ' It is tried again.'}`, revert);
    return final;
  }

  async #tell(type: 'Normal' | 'Warning', reason: string, message: string, { record, commit }: Revert): Promise<void> {
    const { loop, parts } = this.#controller;
    await loop.append([event(parts.clock.now(), type, reason, message, record.service, { snapshot: commit })]);
  }
}

/** What is declared and was rejected, of those Services of a Source that have something else to go on with. */
function revertsOf({ declarations, loop }: ControllerContext, { name }: SourceKeeper): Revert[] {
  return [...loop.records.values()].flatMap((record) => {
    const { service, desired, stable, rollout, deleting } = record;
    if (desired === null || desired.origin.source !== name || stable === null || rollout !== null || deleting) return [];
    const declaration = declarations.of(service);
    // Another commit may have come meanwhile: what becomes of that one will be seen.
    if (declaration.kind !== 'declared' || declaration.service.origin.source !== name) return [];
    if (declaration.service.specHash !== desired.specHash || desired.state !== 'Active') return [];
    const rejection = record.rejections.find(({ revision }) => revision === desired.revision.hash);
    if (rejection === undefined || stable.hash === desired.revision.hash) return [];
    const commit = desired.origin.snapshot;
    return [{ record, commit, branch: `fairlead/revert-${service}-${commit.slice(0, 12)}`, rejection, stable }];
  });
}
