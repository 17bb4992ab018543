/** Deliveries that have been taken lately, so that none is taken twice: so many at most, and none for longer than a day. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../ports/clock.ts';

const longestMs = 86_400_000;

/**
 * What a delivery is known by. Forges that sign the body alone leave the id unsigned: whoever got hold of a delivery may send it
 * again under another, and comes to no more than one look at the repository.
 */
export function deliveryId(headers: IncomingHttpHeaders, body: Uint8Array): string {
  const names = ['x-github-delivery', 'x-forgejo-delivery', 'x-gitea-delivery', 'webhook-id', 'idempotency-key', 'x-gitlab-event-uuid'];
  const id = names.map((name) => headers[name]).find((value) => typeof value === 'string' && value !== '');
  return createHash('sha256')
    .update(typeof id === 'string' ? `id ${id}` : Buffer.concat([Buffer.from('body '), body]))
    .digest('base64');
}

export class SeenDeliveries {
  readonly #clock: Clock;
  readonly #most: number;
  /** Id → when it was taken, on the steady clock; in that order. */
  readonly #taken = new Map<string, number>();

  /** `most`: 1,000 unless told otherwise; the oldest make room. */
  constructor(clock: Clock, most = 1_000) {
    this.#clock = clock;
    this.#most = most;
  }

  /** True the first time. */
  take(id: string): boolean {
    const now = this.#clock.elapsedMs();
    for (const [known, at] of this.#taken) {
      if (now - at < longestMs && this.#taken.size < this.#most) break;
      this.#taken.delete(known);
    }
    if (this.#taken.has(id)) return false;
    this.#taken.set(id, now);
    return true;
  }
}
