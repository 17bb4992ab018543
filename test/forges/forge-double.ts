/**
 * A test double of a forge's API over HTTP: no GitHub, GitLab or Gitea can run here. Built from what they publish:
 * GitHub's REST API reference (docs.github.com/rest: pulls, issues/comments, commits/statuses, rate limits, pagination by the
 * Link header), GitLab's (doc/api: merge_requests, notes, commits; its state machine's words for a repeated status) and the
 * OpenAPI description that Gitea and Forgejo ship (repos/pulls, issues/comments, statuses; 409 for a second pull request).
 * It says nothing about how the real ones behave beyond that.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ForgeKind } from '../../src/ports/forge.ts';

type Json = Record<string, unknown>;

export interface Asked {
  readonly method: string;
  /** Without the API's prefix and the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Json;
  readonly headers: IncomingMessage['headers'];
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const token = 'tok-3n-that-nobody-may-see';

export class ForgeDouble {
  readonly kind: ForgeKind;
  readonly asked: Asked[] = [];
  readonly pulls: { number: number; branch: string; base: string; open: boolean; fork: boolean; title: string; body: string }[] = [];
  readonly comments: { id: number; pull: number; author: string; body: string }[] = [];
  /** Newest last. */
  readonly statuses: Json[] = [];
  /** Answers that come before any other, in order. */
  readonly next: (Reply | 'hang')[] = [];
  /** An app's token: it may not ask who it is. */
  app = false;
  url = '';
  #server: Server | null = null;

  readonly #prefix: string;

  /** `repository`: `owner/name`. GitLab's path may be longer, and is encoded as one. */
  constructor(kind: ForgeKind, repository = 'acme/services') {
    this.kind = kind;
    this.#prefix = kind === 'gitlab' ? `/projects/${encodeURIComponent(repository)}` : `/repos/${repository}`;
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        const url = new URL(request.url!, this.url);
        const body = text === '' ? {} : (JSON.parse(text) as Json);
        const asked = {
          method: request.method!,
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          body,
          headers: request.headers,
        };
        this.asked.push(asked);
        const reply = this.next.shift() ?? this.#answer(asked);
        if (reply === 'hang') return;
        const content = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {});
        response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers }).end(content);
      });
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server!.close(resolve));
  }

  count(method: string): number {
    return this.asked.filter((asked) => asked.method === method).length;
  }

  #answer(asked: Asked): Reply {
    const { headers, path } = asked;
    const given = this.kind === 'gitlab' ? headers['private-token'] : headers.authorization;
    const wanted = { github: `Bearer ${token}`, gitea: `token ${token}`, gitlab: token }[this.kind];
    if (given !== wanted) return { status: 401, body: { message: this.kind === 'gitlab' ? '401 Unauthorized' : 'Bad credentials' } };
    if (path === '/user') {
      if (this.app) return { status: 403, body: { message: 'Resource not accessible by integration' } };
      return { status: 200, body: this.kind === 'gitlab' ? { username: 'fairlead' } : { login: 'fairlead' } };
    }
    const prefix = this.#prefix;
    if (!path.startsWith(prefix)) return { status: 404, body: { message: 'Not Found' } };
    const rest = path.slice(prefix.length);
    return this.kind === 'gitlab' ? this.#gitlab(asked, rest) : this.#github(asked, rest);
  }

  #github(asked: Asked, rest: string): Reply {
    const { method, query, body } = asked;
    if (rest === '/pulls' && method === 'GET') {
      // Gitea knows no filter by head.
      const fits = this.pulls.filter(({ open, branch }) => open && (this.kind === 'gitea' || query['head'] === `acme:${branch}`));
      return this.#page(
        asked,
        fits.map((pull) => this.#pull(pull)),
        this.kind === 'gitea' ? 'limit' : 'per_page',
      );
    }
    if (rest === '/pulls') {
      if (this.pulls.some(({ open, branch, base, fork }) => open && !fork && branch === body['head'] && base === body['base']))
        return this.kind === 'gitea'
          ? { status: 409, body: { message: 'pull request already exists for these targets [id: 1, issue_id: 1]' } }
          : {
              status: 422,
              body: {
                message: 'Validation Failed',
                errors: [{ resource: 'PullRequest', code: 'custom', message: 'A pull request already exists for acme:change.' }],
              },
            };
      return { status: 201, body: this.#pull(this.open(String(body['head']), String(body['base']), false, body)) };
    }
    const comments = /^\/issues\/(\d+)\/comments$/.exec(rest);
    if (comments !== null) {
      const pull = Number(comments[1]);
      if (!this.pulls.some(({ number }) => number === pull)) return { status: 404, body: { message: 'Not Found' } };
      if (method === 'POST')
        return { status: 201, body: this.#comment(this.say(pull, this.app ? 'app[bot]' : 'fairlead', String(body['body']))) };
      const all = this.comments.filter((comment) => comment.pull === pull).map((comment) => this.#comment(comment));
      return this.#page(asked, all, this.kind === 'gitea' ? 'limit' : 'per_page');
    }
    const comment = /^\/issues\/comments\/(\d+)$/.exec(rest);
    if (comment !== null && method === 'PATCH') return this.#rewrite(Number(comment[1]), String(body['body']));
    const status = /^\/statuses\/([0-9a-f]{40})$/.exec(rest);
    if (status === null || method !== 'POST') return { status: 404, body: { message: 'Not Found' } };
    if (this.kind === 'github' && Array.from(String(body['description'])).length > 140)
      return {
        status: 422,
        body: { message: 'Validation Failed', errors: 'Validation failed: Description is too long (maximum is 140 characters)' },
      };
    this.statuses.push({ commit: status[1], ...body });
    return { status: 201, body: { id: this.statuses.length, ...body } };
  }

  #gitlab(asked: Asked, rest: string): Reply {
    const { method, query, body } = asked;
    if (rest === '/merge_requests' && method === 'GET') {
      const fits = this.pulls.filter(
        ({ open, branch, base }) => open && branch === query['source_branch'] && base === query['target_branch'],
      );
      return this.#page(
        asked,
        fits.map((pull) => this.#request(pull)),
        'per_page',
      );
    }
    if (rest === '/merge_requests') {
      const same = this.pulls.find(({ open, branch, fork }) => open && !fork && branch === body['source_branch']);
      if (same !== undefined)
        return { status: 409, body: { message: [`Another open merge request already exists for this source branch: !${same.number}`] } };
      const made = this.open(String(body['source_branch']), String(body['target_branch']), false, { ...body, body: body['description'] });
      return { status: 201, body: this.#request(made) };
    }
    const notes = /^\/merge_requests\/(\d+)\/notes(?:\/(\d+))?$/.exec(rest);
    if (notes !== null) {
      const pull = Number(notes[1]);
      if (notes[2] !== undefined && method === 'PUT') return this.#rewrite(Number(notes[2]), String(body['body']));
      if (method === 'POST') return { status: 201, body: this.#note(this.say(pull, 'fairlead', String(body['body']))) };
      return this.#page(
        asked,
        this.comments.filter((comment) => comment.pull === pull).map((comment) => this.#note(comment)),
        'per_page',
      );
    }
    const status = /^\/statuses\/([0-9a-f]{40})$/.exec(rest);
    if (status === null || method !== 'POST') return { status: 404, body: { message: '404 Not Found' } };
    const before = this.statuses.findLast(({ commit, name }) => commit === status[1] && name === body['name']);
    if (before?.['state'] === body['state'])
      return {
        status: 400,
        body: {
          message: `Cannot transition status via :enqueue from :${String(body['state'])} (Reason(s): Status cannot transition via "enqueue")`,
        },
      };
    this.statuses.push({ commit: status[1], ...body });
    return { status: 201, body: { id: this.statuses.length } };
  }

  open(branch: string, base: string, fork = false, more: Json = {}) {
    const pull = {
      number: this.pulls.length + 1,
      branch,
      base,
      open: true,
      fork,
      title: (more['title'] as string | undefined) ?? '',
      body: (more['body'] as string | undefined) ?? '',
    };
    this.pulls.push(pull);
    return pull;
  }

  say(pull: number, author: string, body: string) {
    const comment = { id: this.comments.length + 1, pull, author, body };
    this.comments.push(comment);
    return comment;
  }

  #rewrite(id: number, body: string): Reply {
    const comment = this.comments.find((candidate) => candidate.id === id);
    if (comment === undefined) return { status: 404, body: { message: 'Not Found' } };
    comment.body = body;
    return { status: 200, body: { id, body } };
  }

  #page({ query }: Asked, all: unknown[], sizeName: string): Reply {
    // Servers have a limit of their own: a page may be shorter than was asked for.
    const size = Math.min(Number(query[sizeName] ?? 30), 50);
    const page = Number(query['page'] ?? 1);
    const more = page * size < all.length;
    const link = `<https://elsewhere.example/steal?page=${page + 1}>; rel="next", <https://elsewhere.example/steal>; rel="last"`;
    return { status: 200, body: all.slice((page - 1) * size, page * size), ...(more ? { headers: { link } } : {}) };
  }

  #pull({ number, branch, base, fork }: ForgeDouble['pulls'][number]): Json {
    return {
      number,
      html_url: `https://forge.example/acme/services/pull/${number}`,
      head: { ref: branch, repo: { id: fork ? 2 : 1 } },
      base: { ref: base, repo: { id: 1 } },
    };
  }

  #request({ number, branch, base, fork }: ForgeDouble['pulls'][number]): Json {
    return {
      id: number + 1_000,
      iid: number,
      web_url: `https://forge.example/acme/services/-/merge_requests/${number}`,
      source_branch: branch,
      target_branch: base,
      source_project_id: fork ? 2 : 1,
      target_project_id: 1,
    };
  }

  #comment({ id, author, body }: ForgeDouble['comments'][number]): Json {
    return { id, body, user: { login: author, type: author.endsWith('[bot]') ? 'Bot' : 'User' } };
  }

  #note({ id, author, body }: ForgeDouble['comments'][number]): Json {
    return { id, body, author: { username: author }, system: false };
  }
}
