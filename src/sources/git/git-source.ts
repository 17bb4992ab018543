/**
 * A git repository as a Source. One `ls-remote` a poll, and nothing else while nothing moved; then the one commit, read
 * from the object store. What is handed out has been fetched whole, follows from what was handed out before, and is signed
 * as the settings ask; whatever does not is refused with its reason, and what was applied goes on. What is written to it is one
 * commit on top of what was handed out, pushed there or nowhere, and then taken as any other.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compare } from 'semver';
import { formatDuration } from '../../base/duration.ts';
import { FairleadError, messageOf } from '../../base/error.ts';
import { hashFraction } from '../../base/hash.ts';
import type { Address } from '../../manifest/git-address.ts';
import { isRefName } from '../../manifest/git-settings.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Change, SourceEvent, SourceListener, WritableSource, Written } from '../../ports/source.ts';
import { CommitMaker } from './commit-maker.ts';
import { factsOf, shortId, type Commit } from './commit.ts';
import { Contents } from './contents.ts';
import { TreeWatch } from './drift.ts';
import type { Remote } from './environment.ts';
import { ExportedTree } from './exported-tree.ts';
import { explainMirrorFailure, refusal } from './failure.ts';
import { GitFailed } from './git.ts';
import { resolveLogin } from './login.ts';
import { readMemory, saveMemory, type Applied, type Memory } from './memory.ts';
import { Mirror, RemoteFailed, TooLarge, type Fetched } from './mirror.ts';
import { pushCommit } from './pushing.ts';
import { addressOf, refWords, type GitSourceSettings } from './settings.ts';
import { patternsOf, tipOf, type Tip } from './tip.ts';
import { unmatchedPaths } from './unmatched-paths.ts';
import { createVerifier, type Verifier } from './verification.ts';

export interface GitSourceOptions {
  readonly settings: GitSourceSettings;
  /** Where it keeps its mirror and its exported tree; absolute, and this Source's alone. */
  readonly folder: string;
  readonly clock: Clock;
}

/** Throws Refused, with everything that is wrong, when the settings are. */
export function createGitSource(options: GitSourceOptions): WritableSource {
  return new GitSource(options);
}

/**
 * How long polls rest for each laid-out file after a look at all of them, in ms. A look takes about 4 µs a file, so that looking
 * takes the ten-thousandth part of the time however many there are: 10 files are looked at every 0.4 s at most, 5,000 every 200 s.
 */
const restPerFileMs = 40;

/** Why what there is is not taken. */
class CommitRefused extends Error {
  readonly event: SourceEvent;

  constructor(reason: SourceEvent['reason'], message: string, snapshot: string) {
    super(message);
    this.name = 'CommitRefused';
    this.event = { type: 'Warning', reason, message: `${message}.`, snapshot };
  }
}

class GitSource implements WritableSource {
  readonly name: string;
  readonly #settings: GitSourceSettings;
  readonly #address: Address;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #mirror: Mirror;
  readonly #contents: Contents;
  readonly #exported: ExportedTree;
  readonly #watch: TreeWatch;
  readonly #verifier: Verifier;
  readonly #maker: CommitMaker;
  readonly #closing = new AbortController();
  /** The settings that name the line of history. */
  readonly #line: string;
  #memory: Memory | null = null;
  #listener: SourceListener | null = null;
  /** What there is to hand out, and what was handed out last. */
  #newest: Snapshot | null = null;
  #handedOut: Snapshot | null = null;
  /** The id of the tip that was judged last, and why it was refused, if it was. */
  #judged: string | null = null;
  #refused: CommitRefused | null = null;
  #failure: string | null = null;
  #toldUnreadable = false;
  /** A damaged mirror is thrown away once; damaged again at once, it is not the mirror's fault. */
  #mirrorIsNew = false;
  #polls = 0;
  /** When polls look at the laid-out files again, on the steady clock. */
  #lookDueAt = 0;
  #cancelPoll = (): void => {};
  #suspended = false;
  #closed = false;
  /** A poll that somebody asked for and that waits for its turn. */
  #asked: Promise<void> | null = null;
  /** Polls and writes, one after the other. */
  #work: Promise<unknown> = Promise.resolve();

  constructor({ settings, folder, clock }: GitSourceOptions) {
    this.name = settings.name;
    this.#settings = settings;
    this.#address = addressOf(settings);
    this.#folder = folder;
    this.#clock = clock;
    this.#mirror = new Mirror(folder, clock, settings, this.#closing.signal);
    this.#exported = new ExportedTree(join(folder, 'tree'));
    const { paths, maxBytes, drift: policy } = settings;
    const { objects } = this.#mirror;
    this.#contents = new Contents({ objects, exported: this.#exported, paths, maxBytes });
    this.#watch = new TreeWatch({ exported: this.#exported, objects, policy, clock });
    this.#verifier = createVerifier(settings.verify, objects, folder);
    this.#maker = new CommitMaker({ objects, folder, paths, writes: settings.writes, clock });
    this.#line = JSON.stringify([settings.url, settings.ref]);
  }

  async start(listener: SourceListener): Promise<void> {
    this.#listener = listener;
    await this.refresh();
  }

  /** Looks at all files, too, without a rest. */
  refresh(): Promise<void> {
    this.#lookDueAt = 0;
    return this.poll();
  }

  /** Asks the server now, and looks again also at a commit that was refused. Asked often at once, it does so once. */
  async poll(): Promise<void> {
    this.#asked ??= this.#inTurn(async () => {
      this.#asked = null;
      if (this.#refused !== null) this.#judged = null;
      await this.#poll();
    });
    await this.#asked;
  }

  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    this.#pollAfter(0);
  }

  write(change: Change): Promise<Written> {
    return this.#inTurn(() => this.#write(change));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelPoll();
    this.#closing.abort();
    await this.#work;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.then(work);
    this.#work = turn.catch(() => undefined);
    return turn;
  }

  #pollAfter(delayMs: number): void {
    this.#cancelPoll();
    if (this.#closed) return;
    this.#cancelPoll = this.#clock.after(delayMs, () => void this.#inTurn(() => this.#poll()));
  }

  /** Never rejects: what fails is told to the listener. */
  async #poll(): Promise<void> {
    if (this.#closed || this.#suspended) return;
    await this.#told(async () => {
      this.#memory ??= await this.#begin();
      const remote = await this.#remote();
      const tip = await this.#tip(remote);
      // What was broken off while it was laid out is laid out anew, also where the ref went back.
      const halfLaid = this.#refused === null && !this.#contents.isLaid;
      if (tip.id !== this.#judged || halfLaid) await this.#take(tip, remote);
    });
    await this.#lookAtFiles();
    this.#polls += 1;
    // A tenth earlier or later, so that many sources do not ask one server at one moment.
    this.#pollAfter(this.#settings.intervalMs * (0.9 + 0.2 * hashFraction(`${this.name} ${this.#polls}`)));
  }

  /** Tells the listener what came of it, be it that it failed. */
  async #told(look: () => Promise<void>): Promise<void> {
    try {
      await look();
      if (this.#refused !== null) throw this.#refused;
      this.#failure = null;
      this.#mirrorIsNew = false;
      this.#handOut();
    } catch (thrown) {
      await this.#fail(thrown);
    }
  }

  /** Whether what was laid out is still so, be the server there or not. */
  async #lookAtFiles(): Promise<void> {
    const now = this.#clock.elapsedMs();
    if (!this.#contents.isLaid || now < this.#lookDueAt || this.#closed || this.#suspended) return;
    const { laid } = this.#contents;
    this.#lookDueAt = now + laid.length * restPerFileMs;
    try {
      const { event, drift, changed } = await this.#watch.look(laid);
      if (changed) this.#listener?.drifted?.(drift);
      if (event !== null) this.#listener?.happened?.({ ...event, snapshot: this.#newest?.id ?? null });
    } catch (thrown) {
      await this.#fail(thrown);
    }
  }

  /** Opens the mirror. What an earlier run had applied is handed out from it at once, whether the server answers or not. */
  async #begin(): Promise<Memory> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#mirror.open();
    const { applied, exported } = await readMemory(this.#folder);
    const memory = { applied: applied?.line === this.#line ? applied : null, exported };
    const asBefore = exported?.paths.join('\0') === this.#settings.paths.join('\0') && (await this.#exported.isThere());
    if (exported !== null && asBefore) this.#contents.resume(exported.commit);
    this.#memory = memory;
    if (memory.applied === null || (await this.#mirror.objects.commitId(memory.applied.commit)) === null) return memory;
    if ((await this.#verifier.objection(memory.applied)) !== null) return memory;
    await this.#load(memory.applied, await this.#mirror.objects.commit(memory.applied.commit), null);
    this.#judged = memory.applied.tag ?? memory.applied.commit;
    return this.#memory;
  }

  async #remote(): Promise<Remote> {
    const { credentials, timeoutMs } = this.#settings;
    return { address: this.#address, login: await resolveLogin(credentials), timeoutMs };
  }

  async #tip(remote: Remote): Promise<Tip> {
    const { ref } = this.#settings;
    const patterns = patternsOf(ref);
    const listed = patterns === null ? new Map<string, string>() : await this.#mirror.remoteRefs(remote, patterns);
    const tip = tipOf(ref, listed);
    if (tip !== null) return tip;
    const applied = this.#memory?.applied ?? null;
    const since = applied !== null ? ' any more' : listed.size === 0 ? ' yet' : '';
    // A page that is no git server's reads like a repository without refs.
    const nothing = listed.size === 0 && (await this.#mirror.remoteRefs(remote, [])).size === 0;
    const but = nothing ? ', nor anything else: the repository is empty, or something other than git answers there' : '';
    const words = `${this.#address.host} has no ${refWords(ref)}${since}${but}`;
    if (applied === null) throw new Error(words);
    throw new CommitRefused('RefGone', `${words}; commit ${shortId(applied.commit)} stays applied`, applied.commit);
  }

  /** Fetches the tip, unless it is here, judges it and hands it out, or remembers why not. */
  async #take(tip: Tip, remote: Remote, here: Fetched | null = null): Promise<void> {
    try {
      const { commit, tag } = here ?? (await this.#mirror.fetch(remote, tip.ref, this.#blobless));
      const next: Applied = { line: this.#line, ref: tip.ref, commit: commit.id, tag, version: tip.version };
      const rewound = await this.#judgeHistory(next, commit, remote);
      const objection = await this.#verifier.objection(next);
      if (objection !== null)
        throw new CommitRefused('CommitUnverified', `Commit ${shortId(next.commit)} is refused: ${objection}`, next.commit);
      await this.#load(next, commit, remote);
      if (rewound !== null) this.#listener?.happened?.(rewound);
      this.#refused = null;
    } catch (thrown) {
      // What is too large stays so: it is not fetched again before something moved.
      if (thrown instanceof TooLarge)
        this.#refused = new CommitRefused('CommitTooLarge', `${this.#address.host}: ${thrown.message}`, tip.id);
      else if (thrown instanceof CommitRefused) this.#refused = thrown;
      else throw thrown;
    }
    this.#judged = tip.id;
  }

  get #blobless(): boolean {
    return !this.#settings.paths.includes('.');
  }

  async #write(change: Change): Promise<Written> {
    const { name } = this;
    const followed = this.#judgeWrite(change);
    const { onto } = change;
    if (this.#newest === null) throw refusal(`${name} has not been read yet.`, 'see `fairlead get sources` for why');
    if (this.#newest.id !== onto)
      throw new FairleadError('SourceMoved', `${name} is at commit ${shortId(this.#newest.id)} by now. Nothing was written.`);
    const commit = await this.#made(change);
    if (commit === null) return { snapshot: onto, branch: null };
    const branch = change.branch ?? followed;
    const proposed = change.branch !== null;
    const next: Applied = { line: this.#line, ref: `refs/heads/${branch}`, commit, tag: null, version: null };
    if (!proposed) await this.#judgeOwn(next);
    const remote = await this.#remote().catch((thrown) => {
      throw new FairleadError('SecretUnavailable', `Nothing can be pushed to ${name}: ${messageOf(thrown)}.`, { cause: thrown });
    });
    const snapshot = await pushCommit(this.#mirror, remote, { commit, onto, branch, proposed, blobless: this.#blobless });
    if (!proposed) {
      const here = { commit: await this.#mirror.objects.commit(commit), tag: null };
      await this.#told(() => this.#take({ ref: next.ref, id: commit, version: null }, remote, here));
    }
    return { snapshot, branch };
  }

  /** The branch that is followed. Throws Refused where the change cannot be taken, whatever is in it. */
  #judgeWrite({ branch }: Change): string {
    const { name } = this;
    const { ref, verify, writes } = this.#settings;
    if (this.#closed) throw refusal(`${name} is closed.`, 'start the controller again');
    if (!('branch' in ref))
      throw refusal(
        `${name} follows ${refWords(ref)}, and no branch that something could be written to or merged into.`,
        'commit the change to its repository, or follow a branch (`ref: {branch: …}`)',
      );
    if (branch !== null) {
      if (!isRefName(branch) || branch === 'HEAD')
        throw refusal(`${JSON.stringify(branch)} is no name that a branch can have.`, 'choose another name');
      return ref.branch;
    }
    if (this.#suspended) throw refusal(`${name} is suspended: nothing written to it would be read.`, 'resume it first');
    if (this.#refused !== null)
      throw refusal(
        `Nothing can be written on top of what ${name} refuses: ${this.#refused.message}.`,
        `correct the branch, and run \`fairlead reconcile ${name}\``,
      );
    if (verify !== null && writes.signingKeyFile === null)
      throw refusal(
        `${name} takes signed commits alone: one of its own would be refused.`,
        'give writes.signingKeyFile, or propose it (--propose)',
      );
    return ref.branch;
  }

  /** Rejects with Refused where the commit would not be taken, were it read from the server. */
  async #judgeOwn(commit: Applied): Promise<void> {
    let objection: string | null;
    try {
      objection = await this.#verifier.objection(commit);
    } catch (thrown) {
      objection = messageOf(thrown);
    }
    if (objection === null) return;
    const next = 'allow the key of writes.signingKeyFile in sshAllowedSigners, or propose the change (--propose)';
    throw refusal(`${this.name} would refuse the commit: ${objection}. Nothing was written.`, next);
  }

  /** The commit of the change, which nobody has seen yet; null when it changes nothing. */
  async #made(change: Change): Promise<string | null> {
    try {
      return await this.#maker.make(change);
    } catch (thrown) {
      if (!(thrown instanceof GitFailed)) throw thrown;
      await this.#fail(thrown);
      throw new FairleadError('SourceMoved', `The mirror of ${this.name} could not be read, and is read anew. Nothing was written.`, {
        cause: thrown,
      });
    }
  }

  /** Throws when the commit does not follow from the applied one and must; the event to tell when it need not; else null. */
  async #judgeHistory(next: Applied, commit: Commit, remote: Remote): Promise<SourceEvent | null> {
    const applied = this.#memory?.applied ?? null;
    if (applied === null) return null;
    const ordered = applied.version !== null && next.version !== null ? compare(next.version, applied.version) : 0;
    if (ordered > 0) return null;
    const follows = ordered === 0 ? await this.#follows(next, applied, commit, remote) : false;
    if (follows === true) return null;
    const [one, other] = [`${shortId(next.commit)} (${refWords(this.#settings.ref)})`, shortId(applied.commit)];
    const what =
      follows === null
        ? `Whether commit ${one} follows from ${other} cannot be found out: the history between has more than maxBytes, of which ${this.#address.host} leaves nothing out (uploadpack.allowFilter)`
        : `Commit ${one} does not follow from ${other}: it is older, or the history was rewritten`;
    if (this.#settings.allowRewind) return { type: 'Warning', reason: 'HistoryRewound', message: `${what}.`, snapshot: next.commit };
    throw new CommitRefused('RewindRefused', `${what}. It is taken with \`allowRewind: true\`, or once a commit follows`, next.commit);
  }

  /** null: more would have to be fetched to tell than may. */
  async #follows(next: Applied, applied: Applied, commit: Commit, remote: Remote): Promise<boolean | null> {
    try {
      return await this.#mirror.follows(remote, next.ref, applied.commit, commit);
    } catch (thrown) {
      if (thrown instanceof TooLarge) return null;
      throw thrown;
    }
  }

  /** Reads the commit, brings the exported tree to it, and hands it out. */
  async #load(next: Applied, commit: Commit, remote: Remote | null): Promise<void> {
    const files = await this.#contents.load(next.commit, {
      fetchBlobs: (ids) => (remote === null ? Promise.resolve() : this.#mirror.fetchBlobs(remote, ids)),
      beforeExport: () => this.#remember({ applied: this.#memory?.applied ?? null, exported: null }),
    });
    const { paths, ref } = this.#settings;
    await this.#remember({ applied: next, exported: { commit: next.commit, paths } });
    // What stood changed, the commit may have laid out anew; all else stands as it did.
    if (this.#watch.drifted) this.#lookDueAt = 0;
    this.#newest = {
      source: this.name,
      id: commit.id,
      root: this.#exported.root,
      takenAt: this.#clock.now(),
      files,
      commit: factsOf(commit),
      unmatchedPaths: await unmatchedPaths(this.#mirror.objects, commit.id, paths, refWords(ref)),
    };
    this.#handOut();
    await this.#mirror.keep(next.tag ?? next.commit);
  }

  async #remember(memory: Memory): Promise<void> {
    this.#memory = memory;
    await saveMemory(this.#folder, memory);
  }

  /** Hands the newest out, unless it is what the listener has already. */
  #handOut(): void {
    const snapshot = this.#newest;
    if (snapshot === null || this.#suspended || this.#closed) return;
    if (snapshot.id === this.#handedOut?.id && !this.#toldUnreadable) return;
    this.#toldUnreadable = false;
    this.#handedOut = snapshot;
    this.#listener?.snapshot(snapshot);
  }

  /** Tells what failed, once. What was read of a damaged mirror is read anew the next time. */
  async #fail(thrown: unknown): Promise<void> {
    if (this.#closed) return;
    const damaged = (thrown instanceof GitFailed && thrown.ended === null) || (thrown instanceof RemoteFailed && thrown.damaged);
    if (damaged && !this.#mirrorIsNew) {
      this.#mirrorIsNew = true;
      this.#contents.forget();
      this.#judged = null;
      return this.#mirror.discard().then(
        async () => this.#poll(),
        async (again: unknown) => this.#fail(again),
      );
    }
    const refused = thrown instanceof CommitRefused;
    const again = `Tried again every ${formatDuration(this.#settings.intervalMs)}.`;
    const reason = thrown instanceof GitFailed ? explainMirrorFailure(thrown, this.#folder) : messageOf(thrown);
    const message = refused ? `${reason}. ${again}` : `The repository ${this.#address.url} cannot be read: ${reason}. ${again}`;
    if (message === this.#failure || this.#suspended) return;
    this.#failure = message;
    this.#toldUnreadable = true;
    this.#listener?.unreadable(message);
    if (refused) this.#listener?.happened?.(thrown.event);
  }
}
