/** What a delivery says that happened, as far as it matters here: which ref was pushed. Pure; nothing of it is believed beyond that. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Forge, GitRef } from '../model/source-settings.ts';

export type Happening =
  /** The forge tries whether anybody is there. */
  | { readonly kind: 'ping' }
  /** `ref` as git writes it: `refs/heads/main`. */
  | { readonly kind: 'push'; readonly ref: string }
  | { readonly kind: 'other' };

/** Throws SyntaxError for a body that is not JSON. */
export function readHappening(forge: Forge, headers: IncomingHttpHeaders, body: Uint8Array): Happening {
  if (forge === 'github' && headers['x-github-event'] === 'ping') return { kind: 'ping' };
  const payload = payloadOf(headers, body);
  const event = eventOf(forge, headers, payload);
  const { ref } = payload;
  if (typeof ref !== 'string' || ref.length > 1_000) return { kind: 'other' };
  if (event === 'push') return { kind: 'push', ref };
  // A tag that was made by hand on the forge is told as this alone.
  if (event === 'create' && payload['ref_type'] === 'tag') return { kind: 'push', ref: `refs/tags/${ref}` };
  return { kind: 'other' };
}

/** Whether a Source that follows `followed` has to look when `pushed` has moved. */
export function concerns(followed: GitRef, pushed: string): boolean {
  if ('branch' in followed) return pushed === `refs/heads/${followed.branch}`;
  if ('tag' in followed) return pushed === `refs/tags/${followed.tag}`;
  return 'semver' in followed && pushed.startsWith('refs/tags/');
}

function eventOf(forge: Forge, headers: IncomingHttpHeaders, payload: Readonly<Record<string, unknown>>): unknown {
  if (forge === 'github') return headers['x-github-event'];
  if (forge === 'gitea') return headers['x-forgejo-event'] ?? headers['x-gitea-event'];
  // A system hook names it otherwise than a project's.
  const kind = payload['object_kind'] ?? payload['event_name'];
  return kind === 'tag_push' ? 'push' : kind;
}

/** GitHub and Gitea can be told to send the JSON as a field of a form. */
function payloadOf(headers: IncomingHttpHeaders, body: Uint8Array): Readonly<Record<string, unknown>> {
  const text = new TextDecoder().decode(body);
  const form = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  const payload: unknown = JSON.parse(form ? (new URLSearchParams(text).get('payload') ?? '') : text);
  return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {};
}
