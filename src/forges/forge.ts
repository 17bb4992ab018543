/** A Forge by its kind. */
import type { ForgeAddress } from '../model/forge-address.ts';
import type { Clock } from '../ports/clock.ts';
import type { Forge, ForgeKind } from '../ports/forge.ts';
import { apiUrl } from './address.ts';
import { Exchange } from './exchange.ts';
import { giteaDialect, githubDialect, GithubForge } from './github.ts';
import { GitlabForge } from './gitlab.ts';
import { usualPatience, type Patience } from './persistence.ts';

export interface ForgeSettings {
  readonly kind: ForgeKind;
  /** Where the repository is; `forgeAddress` reads it from a remote's URL. */
  readonly address: ForgeAddress;
  /** GitHub: Contents, Pull requests and Commit statuses, read and write. GitLab: scope `api`. Gitea: `write:repository` and `write:issue`. */
  readonly token: string;
  /** Of the API, where it is not where that kind of forge has it. */
  readonly apiUrl?: string;
  readonly timeoutMs: number;
  readonly patience?: Patience;
}

/** Throws ForgeRefused for an API that is not https. */
export function createForge(settings: ForgeSettings, clock: Clock): Forge {
  const { kind, address, token, timeoutMs, patience = usualPatience } = settings;
  const url = (settings.apiUrl ?? apiUrl(kind, address.host)).replace(/\/+$/, '');
  switch (kind) {
    case 'github': {
      const headers = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' };
      const exchange = new Exchange({ url, token, timeoutMs, headers, authorization: ['authorization', `Bearer ${token}`] }, clock);
      return new GithubForge(githubDialect, exchange, address.path, clock, patience);
    }
    case 'gitea': {
      const exchange = new Exchange({ url, token, timeoutMs, authorization: ['authorization', `token ${token}`] }, clock);
      return new GithubForge(giteaDialect, exchange, address.path, clock, patience);
    }
    case 'gitlab': {
      const exchange = new Exchange({ url, token, timeoutMs, authorization: ['private-token', token] }, clock);
      return new GitlabForge(exchange, address.path, clock, patience);
    }
  }
}
