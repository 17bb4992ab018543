/** The forge of a git Source, with its token read anew for each thing that is asked of it. */
import { FairleadError } from '../base/error.ts';
import { forgeAddress } from '../forges/address.ts';
import { createForge } from '../forges/forge.ts';
import type { GitSettings } from '../model/source-settings.ts';
import type { Clock } from '../ports/clock.ts';
import type { Forge } from '../ports/forge.ts';
import { readSecret } from './secrets.ts';

const timeoutMs = 30_000;

/** Null when nothing is to be told of its commits. Throws Refused when its address names no repository on a forge. */
export function forgeOf({ name, url, commitStatus }: GitSettings, clock: Clock): Forge | null {
  if (commitStatus === null) return null;
  const { forge: kind, token, apiUrl } = commitStatus;
  const address = forgeAddress(url);
  if (address === null) throw new FairleadError('Refused', `${name}: commitStatus needs a repository on a forge, which ${url} is not.`);
  const made = async (): Promise<Forge> =>
    createForge({ kind, address, token: await readSecret(token), timeoutMs, ...(apiUrl === null ? {} : { apiUrl }) }, clock);
  return {
    kind,
    propose: async (draft) => (await made()).propose(draft),
    comment: async (number, marker, body) => (await made()).comment(number, marker, body),
    setStatus: async (status) => (await made()).setStatus(status),
  };
}
