/** A good and a bad Rollout of each strategy with real processes, under load; `npm run bench:rollouts` is the whole of it. */
import { expect, test } from 'vitest';
import { seeded } from '../fixtures/seeded.ts';
import { cast } from './rollouts/cast.ts';
import { run } from './rollouts/run.ts';

test('good changes of every strategy are promoted and bad ones taken back, and no call is lost', { timeout: 300_000 }, async () => {
  const ended: string[] = [];
  const report = await run({
    parts: cast.filter(({ spec, strategy }) => spec.transport === (strategy === 'canary' || strategy === 'in-place' ? 'stdio' : 'http')),
    scales: [],
    weighed: 0,
    callers: 24,
    changes: 2,
    warmUpMs: 500,
    controllerKillEveryMs: null,
    instanceKillEveryMs: null,
    random: seeded(3),
    onChange: ({ part, mode, verdict }) => ended.push(`${part.strategy} ${mode === 'ok' ? 'good' : 'bad'} ${verdict!.phase}`),
    progress: () => undefined,
  });
  const { lost, doubled, misrouted, faults, ledger } = report;
  expect({ lost, doubled, misrouted, faults }).toEqual({ lost: [], doubled: [], misrouted: [], faults: [] });
  expect(ended.sort()).toEqual(
    ['blue-green', 'canary', 'in-place', 'rolling'].flatMap((name) => [`${name} bad RolledBack`, `${name} good Promoted`]),
  );
  // Nothing was killed, so nothing was interrupted either.
  expect(ledger.interruptions).toEqual([]);
  expect(ledger.answers.length).toBeGreaterThan(100);
});
