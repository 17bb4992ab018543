/**
 * GitHub's REST API, and Gitea's and Forgejo's, which has the same paths and bodies for what is asked here and differs in
 * how the token is given, how long a page is called, and how a second pull request is refused.
 */
import { FairleadError } from '../base/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommitStatus, Forge, PullRequest, PullRequestDraft } from '../ports/forge.ts';
import { cutLine, fields, findAmong, number, text, type Fields } from './answers.ts';
import type { Exchange } from './exchange.ts';
import { persist, type Patience } from './persistence.ts';

export interface Dialect {
  readonly kind: 'github' | 'gitea';
  /** The query's name for the length of a page. */
  readonly pageSize: 'per_page' | 'limit';
  /** The longest description of a status, in characters. */
  readonly longestDescription: number;
}

export const githubDialect: Dialect = { kind: 'github', pageSize: 'per_page', longestDescription: 140 };
/** Gitea and Forgejo document no limit; theirs is the column's. */
export const giteaDialect: Dialect = { kind: 'gitea', pageSize: 'limit', longestDescription: 255 };

export class GithubForge implements Forge {
  readonly #dialect: Dialect;
  readonly #exchange: Exchange;
  readonly #owner: string;
  readonly #repository: string;
  readonly #clock: Clock;
  readonly #patience: Patience;
  /** Login of the token's account; null for an app, which may not ask. */
  #self: Promise<string | null> | null = null;

  /** `path`: `owner/name`. */
  constructor(dialect: Dialect, exchange: Exchange, path: string, clock: Clock, patience: Patience) {
    this.#dialect = dialect;
    this.#exchange = exchange;
    this.#owner = path.split('/')[0]!;
    this.#repository = `/repos/${path.split('/').map(encodeURIComponent).join('/')}`;
    this.#clock = clock;
    this.#patience = patience;
  }

  get kind(): Dialect['kind'] {
    return this.#dialect.kind;
  }

  propose(draft: PullRequestDraft): Promise<PullRequest> {
    return this.#persist(async () => {
      const open = await this.#openOf(draft);
      if (open !== undefined) return pullRequestOf(open, false);
      try {
        const { branch: head, base, title, body } = draft;
        const { value } = await this.#exchange.ask({
          method: 'POST',
          path: `${this.#repository}/pulls`,
          body: { head, base, title, body },
        });
        return pullRequestOf(fields(value, 'a pull request'), true);
      } catch (thrown) {
        // Somebody else was faster, between the look and this.
        const other = refusedBecauseItExists(thrown) ? await this.#openOf(draft) : undefined;
        if (other === undefined) throw thrown;
        return pullRequestOf(other, false);
      }
    });
  }

  comment(issue: number, marker: string, body: string): Promise<{ created: boolean }> {
    return this.#persist(async () => {
      const self = await this.#login();
      const comments = `${this.#repository}/issues/${issue}/comments`;
      const mine = await findAmong(this.#exchange, { method: 'GET', path: comments }, this.#dialect.pageSize, (comment) =>
        isOwn(comment, marker, self),
      );
      if (mine === undefined) await this.#exchange.ask({ method: 'POST', path: comments, body: { body } });
      else await this.#exchange.ask({ method: 'PATCH', path: `${this.#repository}/issues/comments/${number(mine, 'id')}`, body: { body } });
      return { created: mine === undefined };
    });
  }

  setStatus({ commit, context, state, description, targetUrl }: CommitStatus): Promise<void> {
    return this.#persist(async () => {
      const said = cutLine(description, this.#dialect.longestDescription);
      const body = { state, context, description: said, ...(targetUrl === null ? {} : { target_url: targetUrl }) };
      await this.#exchange.ask({ method: 'POST', path: `${this.#repository}/statuses/${commit}`, body });
    });
  }

  #openOf({ branch, base }: PullRequestDraft): Promise<Fields | undefined> {
    // Gitea does not look at `head` and `base`, so what comes back is looked at here in any case.
    const query = { state: 'open', head: `${this.#owner}:${branch}`, base };
    return findAmong(this.#exchange, { method: 'GET', path: `${this.#repository}/pulls`, query }, this.#dialect.pageSize, (pull) => {
      const [head, onto] = [fields(pull['head'], 'head'), fields(pull['base'], 'base')];
      return head['ref'] === branch && onto['ref'] === base && repositoryOf(head) === repositoryOf(onto);
    });
  }

  #login(): Promise<string | null> {
    this.#self ??= this.#exchange
      .ask({ method: 'GET', path: '/user', accept: [401, 403, 404] })
      .then(({ status, value }) => (status === 200 ? text(fields(value, 'a user'), 'login') : null))
      .catch((thrown: unknown) => {
        this.#self = null;
        throw thrown;
      });
    return this.#self;
  }

  #persist<T>(operation: () => Promise<T>): Promise<T> {
    return persist(operation, this.#clock, this.#patience);
  }
}

/** Forks have branches of the same names. */
function repositoryOf(side: Fields): unknown {
  const repository = side['repo'];
  return repository === null || repository === undefined ? null : fields(repository, 'repo')['id'];
}

function pullRequestOf(pull: Fields, created: boolean): PullRequest {
  return { number: number(pull, 'number'), url: text(pull, 'html_url'), created };
}

/** Anybody may write the marker: a comment is one's own by its author too. Of an app's token all that is known is that it is no person. */
function isOwn(comment: Fields, marker: string, self: string | null): boolean {
  if (typeof comment['body'] !== 'string' || !comment['body'].startsWith(marker)) return false;
  const author = fields(comment['user'], 'user');
  return self === null ? author['type'] === 'Bot' : author['login'] === self;
}

function refusedBecauseItExists(thrown: unknown): boolean {
  return thrown instanceof FairleadError && [409, 422].includes(Number(thrown.data['status'])) && /already exists/i.test(thrown.message);
}
