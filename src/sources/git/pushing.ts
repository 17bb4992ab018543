/**
 * One commit to one branch of the server, or not at all. What is not said clearly is looked up: an answer that was lost on
 * its way does not make a commit unwritten, nor a server's silence one written.
 */
import { FairleadError, messageOf } from '../../base/error.ts';
import { shortId } from './commit.ts';
import type { Remote } from './environment.ts';
import { explainFailure, explainRefusal, pushVerdict } from './failure.ts';
import type { Mirror } from './mirror.ts';

export interface Push {
  readonly commit: string;
  /** Its parent. */
  readonly onto: string;
  readonly branch: string;
  /** True: a branch of its own, which must not be there. False: the branch is at `onto`, and moves on from there. */
  readonly proposed: boolean;
  /** Which fetches of the mirror leave blobs out. */
  readonly blobless: boolean;
}

/**
 * The commit that the branch has, or had, then: the one pushed, or one proposed before that is the same change. Rejects with
 * SourceMoved or Refused when nothing was written, with SourceUnreachable when the server cannot be reached, or cannot be
 * asked what became of it.
 */
export async function pushCommit(mirror: Mirror, remote: Remote, push: Push): Promise<string> {
  const { commit, onto, proposed } = push;
  try {
    await mirror.push(remote, commit, refOf(push), proposed ? null : onto);
    return commit;
  } catch (thrown) {
    return whatBecame(mirror, remote, push, thrown);
  }
}

async function whatBecame(mirror: Mirror, remote: Remote, push: Push, thrown: unknown): Promise<string> {
  const { commit, onto, branch, proposed } = push;
  const verdict = pushVerdict(thrown);
  const { at, arrived } = await lookedUp(mirror, remote, push, thrown);
  if (arrived) return commit;
  const moved = verdict === 'moved' || at !== (proposed ? null : onto);
  if (moved && proposed) return sameProposal(mirror, remote, push);
  const { host } = remote.address;
  if (moved)
    throw new FairleadError('SourceMoved', `Branch ${branch} on ${host} is no longer at commit ${shortId(onto)}. Nothing was written.`, {
      cause: thrown,
      data: { branch, next: 'plan again, and apply that' },
    });
  if (verdict === 'refused')
    throw new FairleadError('Refused', `${host} refuses the commit on branch ${branch}: ${explainRefusal(thrown, remote)}.`, {
      cause: thrown,
      data: {
        branch,
        next: proposed
          ? 'give the source credentials that may push such branches'
          : 'propose it on a branch of its own (--propose), or give the source credentials that may push',
      },
    });
  const still = proposed ? `there is no branch ${branch}` : `branch ${branch} is at ${shortId(onto)} still`;
  throw new FairleadError('SourceUnreachable', `${explainFailure(thrown, remote)}; ${still}, so that nothing was written so far.`, {
    cause: thrown,
    data: { branch, next: 'try again' },
  });
}

/**
 * Where the branch is (null: it is not there), and whether the commit is in it. A refusal does not tell that: what carries the
 * push sends it again by itself when an answer is lost, and the second time the branch is no longer where it was.
 */
async function lookedUp(mirror: Mirror, remote: Remote, push: Push, thrown: unknown): Promise<{ at: string | null; arrived: boolean }> {
  const { commit, onto, branch, proposed } = push;
  const ref = refOf(push);
  const neverSent = pushVerdict(thrown) === 'moved';
  try {
    const at = (await mirror.remoteRefs(remote, [ref])).get(ref) ?? null;
    if (neverSent || at === commit || at === onto || at === null) return { at, arrived: at === commit };
    // Somebody may have gone on from it already.
    const tip = await mirror.fetch(remote, ref, push.blobless);
    return { at, arrived: await mirror.follows(remote, ref, commit, tip.commit) };
  } catch (again) {
    if (neverSent) return { at: proposed ? null : onto, arrived: false };
    const why = `${explainFailure(thrown, remote)}, and then: ${messageOf(again)}`;
    throw new FairleadError('SourceUnreachable', `${why}. Whether commit ${shortId(commit)} is on branch ${branch} is not known.`, {
      cause: again,
      data: { branch, commit, next: 'look at the branch, or at what the source reads next, before trying again' },
    });
  }
}

/** The branch is there: that is good where it holds this very change, as after a pull request that could not be opened. */
async function sameProposal(mirror: Mirror, remote: Remote, push: Push): Promise<string> {
  // Gone by now, or too large to look at: another's in any case.
  const there = await mirror.fetch(remote, refOf(push), push.blobless).catch(() => null);
  if (there !== null && there.commit.parents.join() === push.onto) {
    const trees = await mirror.objects.text(['rev-parse', `${push.commit}^{tree}`, `${there.commit.id}^{tree}`]);
    const [ours, theirs] = trees.split('\n');
    if (ours === theirs) return there.commit.id;
  }
  const message = `${remote.address.host} has a branch ${push.branch} already, with another commit${there === null ? '' : ` (${shortId(there.commit.id)})`}. It stays as it is.`;
  throw new FairleadError('Refused', message, {
    data: { branch: push.branch, taken: true, next: 'choose another name (--branch NAME), or delete that branch' },
  });
}

function refOf({ branch }: Push): string {
  return `refs/heads/${branch}`;
}
