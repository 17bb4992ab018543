/** GitLab's REST API, version 4. A project is named by its whole path, and merge requests by their number within it (iid). */
import { FairleadError } from '../base/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommitState, CommitStatus, Forge, PullRequest, PullRequestDraft } from '../ports/forge.ts';
import { cutLine, fields, findAmong, number, text, type Fields } from './answers.ts';
import { wordsOf, type Exchange } from './exchange.ts';
import { persist, type Patience } from './persistence.ts';

const longestDescription = 255;

/** GitLab has no state for what ended without a verdict but this one. */
const states: Readonly<Record<CommitState, string>> = { pending: 'pending', success: 'success', failure: 'failed', error: 'canceled' };

export class GitlabForge implements Forge {
  readonly kind = 'gitlab';
  readonly #exchange: Exchange;
  readonly #project: string;
  readonly #clock: Clock;
  readonly #patience: Patience;
  #self: Promise<string> | null = null;

  /** `path`: `group/…/name`. */
  constructor(exchange: Exchange, path: string, clock: Clock, patience: Patience) {
    this.#exchange = exchange;
    this.#project = `/projects/${encodeURIComponent(path)}`;
    this.#clock = clock;
    this.#patience = patience;
  }

  propose(draft: PullRequestDraft): Promise<PullRequest> {
    return this.#persist(async () => {
      const open = await this.#openOf(draft);
      if (open !== undefined) return pullRequestOf(open, false);
      const { branch, base, title, body } = draft;
      const { status, value } = await this.#exchange.ask({
        method: 'POST',
        path: `${this.#project}/merge_requests`,
        body: { source_branch: branch, target_branch: base, title, description: body },
        accept: [409],
      });
      if (status !== 409) return pullRequestOf(fields(value, 'a merge request'), true);
      const other = await this.#openOf(draft);
      if (other === undefined) throw new FairleadError('ForgeRefused', `The merge request was refused: ${wordsOf(value).slice(0, 200)}`);
      return pullRequestOf(other, false);
    });
  }

  comment(request: number, marker: string, body: string): Promise<{ created: boolean }> {
    return this.#persist(async () => {
      const self = await this.#username();
      const notes = `${this.#project}/merge_requests/${request}/notes`;
      const mine = await findAmong(
        this.#exchange,
        { method: 'GET', path: notes },
        'per_page',
        (note) =>
          typeof note['body'] === 'string' && note['body'].startsWith(marker) && fields(note['author'], 'author')['username'] === self,
      );
      if (mine === undefined) await this.#exchange.ask({ method: 'POST', path: notes, body: { body } });
      else await this.#exchange.ask({ method: 'PUT', path: `${notes}/${number(mine, 'id')}`, body: { body } });
      return { created: mine === undefined };
    });
  }

  setStatus({ commit, context, state, description, targetUrl }: CommitStatus): Promise<void> {
    return this.#persist(async () => {
      const body = {
        state: states[state],
        name: context,
        description: cutLine(description, longestDescription),
        ...(targetUrl === null ? {} : { target_url: targetUrl }),
      };
      const { status, value } = await this.#exchange.ask({
        method: 'POST',
        path: `${this.#project}/statuses/${commit}`,
        body,
        accept: [400],
      });
      // A status that is in the state already is refused by GitLab's state machine, which is no harm.
      if (status === 400 && !wordsOf(value).includes(` from :${states[state]}`))
        throw new FairleadError('ForgeRefused', `The status was refused: ${wordsOf(value).slice(0, 200)}`, { data: { status } });
    });
  }

  #openOf({ branch, base }: PullRequestDraft): Promise<Fields | undefined> {
    const query = { state: 'opened', source_branch: branch, target_branch: base };
    return findAmong(
      this.#exchange,
      { method: 'GET', path: `${this.#project}/merge_requests`, query },
      'per_page',
      // Forks have branches of the same names.
      (request) =>
        request['source_branch'] === branch &&
        request['target_branch'] === base &&
        request['source_project_id'] === request['target_project_id'],
    );
  }

  #username(): Promise<string> {
    this.#self ??= this.#exchange
      .ask({ method: 'GET', path: '/user' })
      .then(({ value }) => text(fields(value, 'a user'), 'username'))
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

function pullRequestOf(request: Fields, created: boolean): PullRequest {
  return { number: number(request, 'iid'), url: text(request, 'web_url'), created };
}
