/**
 * Whether a delivery was made by somebody who knows the secret, as each forge proves it. Over the bytes as they came; every
 * comparison takes the same time whatever is compared.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Forge } from '../model/source-settings.ts';

export interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  /** Ms since the epoch. */
  readonly receivedAt: number;
}

/** A signed delivery is taken this long before and after the time that its signature says, as the Standard Webhooks specification has it. */
export const signatureToleranceMs = 300_000;

/** GitLab's signing tokens: what follows is the key in base64. Any other secret of GitLab's is a token that it sends along as it is. */
const signingToken = 'whsec_';

/** True when the delivery proves that its sender knows the secret, which must not be empty. */
export function isSigned(forge: Forge, secret: string, delivery: Delivery): boolean {
  switch (forge) {
    case 'github':
      return same(header(delivery, 'x-hub-signature-256'), `sha256=${hmac(secret, delivery.body)}`);
    case 'gitea':
      return same(header(delivery, giteaHeader(delivery)), hmac(secret, delivery.body));
    case 'gitlab':
      return secret.startsWith(signingToken)
        ? isStandardSigned(Buffer.from(secret.slice(signingToken.length), 'base64'), delivery)
        : same(header(delivery, 'x-gitlab-token'), secret);
  }
}

/** True when there is nothing that could prove it: then the body need not be read. */
export function isUnsigned(forge: Forge, headers: IncomingHttpHeaders): boolean {
  const names = {
    github: ['x-hub-signature-256'],
    gitea: ['x-forgejo-signature', 'x-gitea-signature'],
    gitlab: ['webhook-signature', 'x-gitlab-token'],
  };
  return names[forge].every((name) => headers[name] === undefined);
}

/** Forgejo sends both: a wrong one of its own is not made good by Gitea's. */
function giteaHeader({ headers }: Delivery): string {
  return headers['x-forgejo-signature'] === undefined ? 'x-gitea-signature' : 'x-forgejo-signature';
}

/** https://www.standardwebhooks.com: HMAC-SHA256 over `id.timestamp.body`, as one or more `v1,<base64>` with spaces between. */
function isStandardSigned(key: Uint8Array, delivery: Delivery): boolean {
  const id = header(delivery, 'webhook-id');
  const timestamp = header(delivery, 'webhook-timestamp');
  if (key.length === 0 || id === '' || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(delivery.receivedAt - Number(timestamp) * 1_000) > signatureToleranceMs) return false;
  const digest = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(delivery.body).digest('base64');
  // Each is compared, so that the time does not tell which was right.
  return header(delivery, 'webhook-signature')
    .split(' ', 10)
    .map((signature) => same(signature, `v1,${digest}`))
    .includes(true);
}

function hmac(secret: string, body: Uint8Array): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

/** Texts of any length, compared by their digests, which are of one length. */
function same(given: string, expected: string): boolean {
  return timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest());
}

function header({ headers }: Delivery, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}
