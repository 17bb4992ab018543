/** Signatures against vectors that others published, and everything that is not one. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isSigned, signatureToleranceMs } from '../../src/hooks/signature.ts';

const body = new TextEncoder().encode('Hello, World!');
const receivedAt = 1_800_000_000_000;
const signed = (forge: 'github' | 'gitlab' | 'gitea', secret: string, headers: Record<string, string>, at = receivedAt) =>
  isSigned(forge, secret, { headers, body, receivedAt: at });

describe('GitHub', () => {
  // From "Validating webhook deliveries" in GitHub's documentation.
  const secret = "It's a Secret to Everybody";
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';

  test('its own example is good', () => expect(signed('github', secret, { 'x-hub-signature-256': signature })).toBe(true));

  test.each([
    ['another digit', `${signature.slice(0, -1)}8`],
    ['upper case', signature.toUpperCase()],
    ['without its prefix', signature.slice(7)],
    ['cut off', signature.slice(0, 20)],
    ['twice', `${signature}, ${signature}`],
    ['empty', ''],
    ['of SHA-1', `sha1=${createHmac('sha1', secret).update(body).digest('hex')}`],
  ])('%s is not', (_what, header) => expect(signed('github', secret, { 'x-hub-signature-256': header })).toBe(false));

  test('with another secret, or in another forge’s header, it is not', () => {
    expect(signed('github', 'another', { 'x-hub-signature-256': signature })).toBe(false);
    expect(signed('github', secret, { 'x-gitea-signature': signature.slice(7) })).toBe(false);
    expect(signed('github', secret, {})).toBe(false);
  });
});

describe('Gitea and Forgejo', () => {
  const hex = createHmac('sha256', 'secret').update(body).digest('hex');

  test('bare hex in either header is good', () => {
    expect(signed('gitea', 'secret', { 'x-gitea-signature': hex })).toBe(true);
    expect(signed('gitea', 'secret', { 'x-forgejo-signature': hex, 'x-gitea-signature': hex })).toBe(true);
  });

  test('a wrong one of Forgejo is not made good by Gitea’s', () =>
    expect(signed('gitea', 'secret', { 'x-forgejo-signature': 'no', 'x-gitea-signature': hex })).toBe(false));
});

describe('GitLab', () => {
  test('a secret token must be the very same', () => {
    expect(signed('gitlab', 'token', { 'x-gitlab-token': 'token' })).toBe(true);
    for (const wrong of ['Token', 'token ', 'toke', '']) expect(signed('gitlab', 'token', { 'x-gitlab-token': wrong })).toBe(false);
  });

  // The example of the Standard Webhooks specification and its libraries.
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const payload = new TextEncoder().encode('{"test": 2432232314}');
  const standard = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  const at = 1_614_265_330_000;
  const verify = (headers: Record<string, string>, now = at, key = secret) =>
    isSigned('gitlab', key, { headers, body: payload, receivedAt: now });

  test('a signing token signs id, time and body', () => {
    expect(verify(standard)).toBe(true);
    expect(verify({ ...standard, 'webhook-signature': `v1,AAAA ${standard['webhook-signature']}` })).toBe(true);
  });

  test.each([
    ['another id', { 'webhook-id': 'msg_other' }],
    ['another time', { 'webhook-timestamp': '1614265331' }],
    ['no time', { 'webhook-timestamp': 'now' }],
    ['another version', { 'webhook-signature': standard['webhook-signature'].replace('v1', 'v2') }],
    ['no id', { 'webhook-id': '' }],
  ])('%s is not signed', (_what, change) => expect(verify({ ...standard, ...change })).toBe(false));

  test('one signed too long ago, or in a time to come, is not taken', () => {
    expect(verify(standard, at + signatureToleranceMs)).toBe(true);
    expect(verify(standard, at + signatureToleranceMs + 1)).toBe(false);
    expect(verify(standard, at - signatureToleranceMs - 1)).toBe(false);
  });

  test('who signs cannot be passed by with the token itself, nor with an empty key', () => {
    expect(verify({ 'x-gitlab-token': secret })).toBe(false);
    const forged = createHmac('sha256', '').update('msg.1614265330.').update(payload).digest('base64');
    expect(verify({ 'webhook-id': 'msg', 'webhook-timestamp': '1614265330', 'webhook-signature': `v1,${forged}` }, at, 'whsec_')).toBe(
      false,
    );
  });
});
