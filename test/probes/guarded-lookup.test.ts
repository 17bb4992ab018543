/** Names that lead to metadata addresses: what a connection is given of them. */
import type { LookupAddress } from 'node:dns';
import { afterEach, expect, it, vi } from 'vitest';
import { guardedLookup } from '../../src/probes/guarded-lookup.ts';

const answers: LookupAddress[] = [];
vi.mock('node:dns', async (original) => ({
  ...(await original<object>()),
  lookup: (_name: string, _options: unknown, callback: (error: null, found: LookupAddress[]) => void) => callback(null, [...answers]),
}));
afterEach(() => void answers.splice(0));

const asked = (all: boolean) =>
  new Promise<{ error: Error | null; found: unknown }>((resolve) =>
    guardedLookup('metrics.example', { all }, (error, found) => resolve({ error, found })),
  );

it('is every address of a name on loopback or in a private network', async () => {
  answers.push({ address: '10.0.0.7', family: 4 }, { address: '::1', family: 6 });
  expect(await asked(true)).toEqual({ error: null, found: [...answers] });
  expect(await asked(false)).toEqual({ error: null, found: '10.0.0.7' });
});

it('is none when one of them is a metadata address, whatever the others are', async () => {
  answers.push({ address: '10.0.0.7', family: 4 }, { address: '169.254.169.254', family: 4 });
  for (const all of [true, false])
    expect((await asked(all)).error).toMatchObject({
      code: 'AddressRefused',
      message: expect.stringContaining('metrics.example is at 169.254.169.254') as string,
    });
});
