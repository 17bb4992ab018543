/** What a git Source is told, and what it follows in words. Pure. */
import { FairleadError } from '../../base/error.ts';
import { judgeAddress, type Address } from '../../manifest/git-address.ts';
import { judgeGitSettings } from '../../manifest/git-settings.ts';
import { pathText } from '../../manifest/place.ts';
import type { GitRef, GitSettings } from '../../model/source-settings.ts';

/** What the Source itself is told; what becomes of its commits is others' to tell. */
export type GitSourceSettings = Omit<GitSettings, 'kind' | 'commitStatus' | 'pullRequests' | 'revertProposals'>;

/** Where the repository is. Throws Refused, with everything that is wrong, when the settings are. */
export function addressOf(settings: GitSourceSettings): Address {
  const problems = judgeGitSettings(settings);
  const address = judgeAddress(settings.url, settings.allowLocal);
  if (problems.length === 0 && !('problem' in address)) return address;
  const words = problems.map(({ path, message, expected }) => `${pathText(path)}: ${message} Expected: ${expected}.`).join(' ');
  throw new FairleadError('Refused', `The source ${settings.name} cannot be: ${words}`, {
    data: { problems, next: 'correct the settings; `fairlead validate fairlead.yaml` shows the places' },
  });
}

/** The ref as people name it: `branch main`. */
export function refWords(ref: GitRef): string {
  if ('branch' in ref) return `branch ${ref.branch}`;
  if ('tag' in ref) return `tag ${ref.tag}`;
  if ('semver' in ref) return `tags within ${ref.semver}`;
  return `commit ${ref.commit}`;
}
