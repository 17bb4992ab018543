/** The forge of a git Source and what is proposed to it, with its tokens read anew for each thing that is asked of it. */
import { FairleadError } from '../base/error.ts';
import { withDeclared } from '../cli/view/changes.ts';
import { planMarkdown } from '../cli/view/plan-markdown.ts';
import type { Proposals } from '../controller/parts.ts';
import { compareUrl } from '../forges/address.ts';
import { createForge } from '../forges/forge.ts';
import { forgeAddress, guessForge } from '../model/forge-address.ts';
import type { CommitStatusSettings, GitSettings } from '../model/source-settings.ts';
import type { Clock } from '../ports/clock.ts';
import type { Forge } from '../ports/forge.ts';
import { readSecret } from './secrets.ts';

const timeoutMs = 30_000;

/** Null when nothing is to be told of its commits. Throws Refused when its address names no repository on a forge. */
export function forgeOf(settings: GitSettings, clock: Clock): Forge | null {
  return settings.commitStatus === null ? null : createdForge(settings, 'commitStatus', settings.commitStatus, clock);
}

/**
 * Null where nothing could be merged into what is followed: a tag, versions, a commit. Throws Refused when pull requests are
 * to be opened and its address names no repository on a forge.
 */
export function proposalsOf(settings: GitSettings, clock: Clock): Proposals | null {
  const { url, ref, pullRequests, commitStatus, revertProposals } = settings;
  if (!('branch' in ref)) return null;
  const base = ref.branch;
  const address = forgeAddress(url);
  const kind = pullRequests?.forge ?? commitStatus?.forge ?? (address === null ? null : guessForge(address.host));
  const forge = pullRequests === null ? null : createdForge(settings, 'pullRequests', pullRequests, clock);
  return {
    base,
    compareUrl: (branch) => (kind === null || address === null ? null : compareUrl(kind, address, base, branch)),
    propose: forge === null ? null : async (draft) => forge.propose(draft),
    planText: (report) => planMarkdown(report, withDeclared),
    reverts: revertProposals,
  };
}

function createdForge(
  { name, url }: GitSettings,
  field: string,
  { forge: kind, token, apiUrl }: CommitStatusSettings,
  clock: Clock,
): Forge {
  const address = forgeAddress(url);
  if (address === null) throw new FairleadError('Refused', `${name}: ${field} needs a repository on a forge, which ${url} is not.`);
  const made = async (): Promise<Forge> =>
    createForge({ kind, address, token: await readSecret(token), timeoutMs, ...(apiUrl === null ? {} : { apiUrl }) }, clock);
  return {
    kind,
    propose: async (draft) => (await made()).propose(draft),
    comment: async (number, marker, body) => (await made()).comment(number, marker, body),
    setStatus: async (status) => (await made()).setStatus(status),
  };
}
