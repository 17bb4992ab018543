/**
 * What people see of Rollouts: a picture on terminals of 80 and 120 columns, words in a pipe, one golden file a situation.
 * The views are pure: a resource in, text out.
 */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { inColour, plain } from '../../src/cli/view/paint.ts';
import { describeText } from '../../src/cli/view/describe.ts';
import { rolloutChanges } from '../../src/cli/view/rollout-lines.ts';
import { rolloutText } from '../../src/cli/view/rollout-picture.ts';
import { fit, shorten, widthOf } from '../../src/cli/view/screen.ts';
import { stageRow, stagesOf } from '../../src/cli/view/stages.ts';
import { columnsOf, historyColumns } from '../../src/cli/view/resource-table.ts';
import { standing, table } from '../../src/cli/view/table.ts';
import type { RolloutStatus, ServiceResource } from '../../src/model/resource.ts';
import type { ServiceView } from '../../src/ports/read-model.ts';
import { rolloutResources, serviceResource } from '../../src/status-api/resources.ts';
import { failed, rolloutViews } from '../fixtures/rollout-views.ts';
import { startAt } from '../fixtures/service-views.ts';

// Times of day in golden texts.
process.env['TZ'] = 'UTC';

const now = startAt + 60_000;
const seen = (view: ServiceView): ServiceResource => serviceResource(view, 2);
const situations = Object.entries(rolloutViews);

/** The same thing on each screen, one below the other. */
function onEachScreen(draw: (screen: { paint: typeof plain; columns: number | null }) => string): string {
  return [80, 120, null]
    .map((columns) => `${columns === null ? 'In a pipe' : `On a terminal of ${columns} columns`}:\n\n${draw({ paint: plain, columns })}`)
    .join('\n');
}
function widest(text: string): number {
  return Math.max(...text.split('\n').map(widthOf));
}

describe('the picture', () => {
  test.each(situations)('of %s', async (name, view) => {
    await expect(onEachScreen((screen) => rolloutText(seen(view), now, screen))).toMatchFileSnapshot(`golden/rollout-${name}.txt`);
  });

  test.each(situations)('of %s is never wider than the terminal, however narrow', (_name, view) => {
    for (const columns of [40, 60, 80, 120])
      expect(widest(rolloutText(seen(view), now, { paint: inColour, columns }))).toBeLessThanOrEqual(columns);
  });

  test.each([40, 60, 80])('says every weight and which revision is which on a line of %i columns', (columns) => {
    const lines = rolloutText(seen(rolloutViews.canary), now, { paint: plain, columns }).split('\n');
    expect(lines.filter((line) => /^  (stable .*-?aaaaaaaa .* 90%|target .*-?bbbbbbbb .* 10%)(  |$)/.test(line))).toHaveLength(2);
  });

  test('counts failed measurements only where some are put up with, which by default is none', () => {
    const service = seen(rolloutViews.canaryPaused);
    const shown = { ...service.status.rollout!, analysis: { ...service.status.rollout!.analysis!, failures: 0, failureLimit: 0 } };
    const text = rolloutText({ ...service, status: { ...service.status, rollout: shown } }, now, { paint: plain, columns: null });
    expect(text).toMatch(/^ {2}analysis {3}no failed measurement is put up with; the next in /m);
  });

  test('colours change nothing but colour', () => {
    const [coloured, bare] = [inColour, plain].map((paint) => rolloutText(seen(rolloutViews.canary), now, { paint, columns: 80 }));
    expect(coloured).not.toBe(bare);
    expect(stripVTControlCharacters(coloured!)).toBe(bare);
  });

  test('what a service says moves no cursor', () => {
    const { record } = rolloutViews.rolling;
    const lastFailure = { code: 'ExitedEarly', message: 'a\u001b[2Jb\nc', at: startAt };
    const view = { ...rolloutViews.rolling, record: { ...record, rollout: { ...record.rollout!, lastFailure } } };
    expect(rolloutText(seen(view), now, { paint: plain, columns: 80 })).toMatch(/ExitedEarly: ab\n {13}c/);
  });

  test('mirrored calls have reached a target that never had a share', () => {
    const { record } = rolloutViews.takenBack;
    const { shadow } = rolloutViews.canaryShadow.record.rollout!;
    const [latest] = record.verdicts;
    const view = { ...rolloutViews.takenBack, record: { ...record, verdicts: [{ ...latest!, weight: 0, shadow }] } };
    expect(rolloutText(seen(view), now, { paint: plain, columns: null })).toMatch(/calls +none but mirrored ones reached it\n/);
  });
});

test.each([
  ['canary', null, 'Proving', 0, '▶ prove › pause 1m › setWeight 50 › switch'],
  ['canary', null, 'Stepping', 1, '✓ prove › ✓ pause 1m › ▶ setWeight 50 › switch'],
  ['canary', null, 'Stepping', 2, '✓ prove › ✓ pause 1m › ✓ setWeight 50 › ▶ switch'],
  ['canary', null, 'Gathering', 2, '✓ prove › ✓ pause 1m › ✓ setWeight 50 › ▶ gather › switch'],
  ['canary', null, 'Switching', 2, '✓ prove › ✓ pause 1m › ✓ setWeight 50 › ▶ switch'],
  ['canary', 'return', 'Proving', 0, '▶ prove › switch'],
  ['rolling', null, 'Gathering', 0, '✓ prove › ▶ gather › replace › switch'],
  ['rolling', null, 'Replacing', 1, '✓ prove › ▶ replace › switch'],
  ['rolling', 'return', 'Gathering', 0, '✓ prove › ▶ gather › switch'],
  ['blue-green', null, 'Previewing', 0, '✓ prove › ▶ preview › switch'],
  ['blue-green', null, 'Gathering', 0, '✓ prove › ✓ preview › ▶ gather › switch'],
  ['in-place', 'exclusive', 'Proving', 0, '▶ swap › switch'],
  ['in-place', 'exclusive', 'Gathering', 0, '▶ gather › swap › switch'],
  ['in-place', 'exclusive', 'Swapping', 0, '▶ swap › switch'],
  ['in-place', 'exclusive', 'Switching', 0, '✓ swap › ▶ switch'],
] as const)('the way of %s (%s) while %s, step %i: %s', (strategy, direct, phase, step, row) => {
  const steps = strategy === 'canary' && direct === null ? ['pause 1m', 'setWeight 50'] : [];
  const rollout = { ...seen(rolloutViews.canary).status.rollout!, strategy, direct, phase, step, steps };
  expect(stageRow(stagesOf(rollout), false, plain)).toBe(row);
});

describe('lines in a pipe', () => {
  const lines = (before: ServiceView | null, after: ServiceView): string[] =>
    rolloutChanges('weather', before === null ? null : running(before), running(after), now);
  const running = (view: ServiceView): RolloutStatus => seen(view).status.rollout ?? seen(view).status.history[0]!;

  test('nothing new is no line', () => {
    for (const [, view] of situations.filter(([name]) => name !== 'drifted' && name !== 'kept')) expect(lines(view, view)).toEqual([]);
  });

  test('time and calls that pass are no line', () => {
    const { record } = rolloutViews.canary;
    const analysis = record.rollout!.analysis!;
    const more = { ...analysis, window: { ...analysis.window, target: { ...analysis.window.target, calls: 999 } } };
    const later = { ...rolloutViews.canary, record: { ...record, rollout: { ...record.rollout!, analysis: more } } };
    expect(rolloutChanges('weather', running(rolloutViews.canary), running(later), now + 20_000)).toEqual([]);
  });

  test('each change is one line, whatever it holds', () => {
    expect(lines(null, rolloutViews.canary)).toEqual([
      'weather  rollout 3  contract: 1 review, 1 compatible',
      'weather  rollout 3  measured fail: p95: 24 ms, stable 20 ms (p = 0.41); at most 1.5 times; errorRate: 5.1 % of 412 calls failed, stable 0.3 % of 3,800 (Fisher p = 0.0001); at most 5 %, and at most 1.5 times stable',
      'weather  rollout 3  canary  weather-bbbbbbbb  Stepping  step 3/5 pause 1m  weight 10%  waits for the pause to end',
    ]);
    expect(lines(rolloutViews.canary, rolloutViews.canaryPaused)).toEqual([
      'weather  rollout 3  canary  weather-bbbbbbbb  Paused  step 3/5 pause 1m  weight 10%  waits for `rollout resume`: uid:1000 paused it',
    ]);
    expect(lines(rolloutViews.canary, rolloutViews.takenBack)).toEqual([
      'weather  rollout 3  canary  weather-bbbbbbbb  RolledBack after 57s: AnalysisFailed: 2 measurements failed, 1 is put up with: 5.1 % of 412 calls failed.',
    ]);
  });

  test('each measurement that fails is a line, any other only when the outcome is another', () => {
    const { record } = rolloutViews.canary;
    const measured = (at: number, outcome: 'pass' | 'fail'): ServiceView => {
      const analysis = { ...record.rollout!.analysis!, measurements: [{ ...failed, at, outcome }] };
      return { ...rolloutViews.canary, record: { ...record, rollout: { ...record.rollout!, analysis } } };
    };
    expect(lines(measured(1, 'fail'), measured(2, 'fail'))).toEqual([expect.stringContaining('measured fail')]);
    expect(lines(measured(1, 'fail'), measured(2, 'pass'))).toEqual([expect.stringContaining('measured pass')]);
    expect(lines(measured(1, 'pass'), measured(2, 'pass'))).toEqual([]);
  });

  test('no step is named before the target is proven', () => {
    const { record } = rolloutViews.canary;
    const proving = { ...rolloutViews.canary, record: { ...record, rollout: { ...record.rollout!, phase: 'Proving' as const, step: 0 } } };
    expect(lines(null, proving).at(-1)).toBe(
      'weather  rollout 3  canary  weather-bbbbbbbb  Proving  weight 10%  waits for the pause to end',
    );
  });

  test('another rollout begins anew', () => {
    const other = { ...running(rolloutViews.canary), number: 4 };
    expect(rolloutChanges('weather', running(rolloutViews.canary), other, now)).toHaveLength(3);
  });
});

describe('a whole service', () => {
  const drawn = (view: ServiceView) =>
    onEachScreen((screen) => describeText({ service: seen(view), tools: [], events: [], dependants: [] }, now, screen));

  test.each([
    ['takenBack', 'why the last rollout ended as it did, with the numbers'],
    ['drifted', 'what drifted, and the line that approves it'],
    ['kept', 'what still runs for an instant return'],
  ] as const)('%s: %s', async (name, _words) => {
    await expect(drawn(rolloutViews[name])).toMatchFileSnapshot(`golden/describe-${name}.txt`);
  });

  test.each(situations)('of %s is never wider than the terminal', (_name, view) => {
    for (const columns of [60, 80, 120])
      expect(
        widest(describeText({ service: seen(view), tools: [], events: [], dependants: [] }, now, { paint: inColour, columns })),
      ).toBeLessThanOrEqual(columns);
  });
});

describe('tables', () => {
  const all = situations.flatMap(([, view]) => rolloutResources(view));

  test('rollouts under way and over, cut to the terminal', async () => {
    const text = onEachScreen((screen) => table(columnsOf('Rollout', now, false), all, screen));
    await expect(text).toMatchFileSnapshot('golden/get-rollouts.txt');
  });

  test('history, cut to the terminal', async () => {
    const items = rolloutResources(rolloutViews.takenBack);
    const columns = historyColumns(now).filter(({ wide }) => wide !== true);
    await expect(onEachScreen((screen) => table(columns, items, screen))).toMatchFileSnapshot('golden/rollout-history.txt');
  });

  test('a row stands as it was while only calls and time pass', () => {
    const { record } = rolloutViews.canary;
    const analysis = { ...record.rollout!.analysis!, measuredAt: startAt + 59_000 };
    const later = { ...rolloutViews.canary, record: { ...record, rollout: { ...record.rollout!, analysis } } };
    const paused = { ...record.rollout!, paused: { since: startAt, actor: 'uid:1' as const } };
    const stands = (view: ServiceView, at: number): string => standing(columnsOf('Rollout', at, true), rolloutResources(view)[0]!);
    expect(stands(later, now + 20_000)).toBe(stands(rolloutViews.canary, now));
    expect(stands({ ...later, record: { ...record, rollout: paused } }, now)).not.toBe(stands(rolloutViews.canary, now));
  });

  test('are as wide as the terminal at most, names of 40 characters and wide characters included', () => {
    const long = all.map((item) => ({
      ...item,
      metadata: { ...item.metadata, service: 'a'.repeat(40) },
      status: { ...item.status, target: `${'日'.repeat(20)}-7f3a9c21` },
    }));
    for (const columns of [80, 100]) {
      const lines = table(columnsOf('Rollout', now, false), long, { paint: inColour, columns })
        .trimEnd()
        .split('\n');
      expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
      expect(new Set(lines.map((line) => widthOf(line.slice(0, line.lastIndexOf('  '))))).size).toBe(1);
    }
  });
});

test('a text without spaces is cut into lines, too', () => {
  expect(fit(`  ${'x'.repeat(25)}`, 12).split('\n')).toEqual(['  xxxxxxxx', '    xxxxxxxx', '    xxxxxxxx', '    x']);
});

test.each(['“quoted” text – with dashes', '█████ 100%', '日本語 and more', 'plain words only'])(
  '%s cut short is no wider than asked for',
  (text) => {
    for (const width of [6, 7, 8, 9]) {
      const cut = shorten(text, width);
      expect(widthOf(cut)).toBeLessThanOrEqual(width);
      expect(widthOf(cut)).toBeGreaterThanOrEqual(width - 1);
      expect(cut).toMatch(/…$/);
    }
  },
);
