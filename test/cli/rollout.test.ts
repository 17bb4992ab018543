/** `rollout …` as a person runs it: what is followed and printed, what is asked of the controller, and the exit code. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rolloutViews, weatherStable, weatherTarget } from '../fixtures/rollout-views.ts';
import { condition, startAt, verdictOf } from '../fixtures/service-views.ts';
import { Harness } from './harness.ts';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
  cli.model.put(rolloutViews.canary);
});
afterEach(() => cli.stop());

const ended = (result: 'Promoted' | 'RolledBack' | 'Aborted' | 'Superseded', reason: string) => ({
  state: 'Active' as const,
  rollout: null,
  target: null,
  verdicts: [verdictOf({ number: 3, strategy: 'canary', result, reason, message: 'so', target: weatherTarget.name, weight: 10 })],
});

describe('status', () => {
  test.each([
    [0, 'Promoted', 'TargetServes'],
    [1, 'RolledBack', 'AnalysisFailed'],
    [1, 'Aborted', 'Aborted'],
    [1, 'Superseded', 'NewerRevision'],
  ] as const)('%i when the one followed was %s, whatever came after it', async (code, result, reason) => {
    const running = cli.follow('rollout', 'status', 'weather');
    await running.says('pause 1m');
    cli.model.change('weather', { ...rolloutViews.canary.record, ...ended(result, reason) });
    const ran = await running.done;
    expect(ran).toMatchObject({ code, err: '' });
    expect(ran.out.trimEnd().split('\n').at(-1)).toBe(`weather  rollout 3  canary  weather-bbbbbbbb  ${result} after 0ms: ${reason}: so`);
  });

  test('in a pipe a line a change, without colours or movements of the cursor', async () => {
    const running = cli.follow('rollout', 'status', 'weather');
    await running.says('weight 10%');
    const { record } = rolloutViews.canary;
    cli.model.change('weather', {
      rollout: { ...record.rollout!, step: 3, waitsOn: 'gateway', waitsFor: 'the gateway to confirm 50 %' },
      route: { ...record.route!, weights: { [weatherStable.hash]: 50, [weatherTarget.hash]: 50 } },
    });
    await running.says('weight 50%');
    cli.model.change('weather', ended('Promoted', 'TargetServes'));
    const { out } = await running.done;
    expect(out.split('\n').map((line) => line.slice(0, 18))).toEqual([...Array<string>(5).fill('weather  rollout 3'), '']);
    expect(out).not.toContain('\u001b');
  });

  test('on a terminal one picture, drawn over itself only when it reads differently', async () => {
    const running = cli.followWith({ interactive: true, columns: 80 }, 'rollout', 'status', 'weather');
    await running.says('▶ pause 1m');
    const height = running.out().split('\n').length - 1;
    cli.model.change('weather', ended('RolledBack', 'AnalysisFailed'));
    const { out } = await running.done;
    expect(out.split('\u001b[0J')).toHaveLength(2);
    expect(out).toContain(`\u001b[${height}A\u001b[0J`);
    expect(out.split('\u001b[0J')[1]).toContain('RolledBack');
  });

  test('a picture higher than the terminal is cut, for what has scrolled away cannot be drawn over', async () => {
    const running = cli.followWith({ interactive: true, columns: 80, rows: 5 }, 'rollout', 'status', 'weather');
    await running.says('▶ pause 1m');
    expect(running.out().split('\n')).toHaveLength(5);
    cli.model.change('weather', ended('Promoted', 'TargetServes'));
    expect((await running.done).out).toContain('\u001b[4A\u001b[0J');
  });

  test.each(['--watch=false', '--no-watch'])('%s says how it stands, once and whole', async (flag) => {
    const { code, out } = await cli.run('rollout', 'status', 'weather', flag);
    expect(code).toBe(0);
    expect(out).toMatch(/^weather {2}rollout 3 {2}canary {2}Stepping {2}1m\n {2}step 3\/5 pause 1m\n/);
  });

  test('--watch takes true and false, and no other word', async () => {
    expect((await cli.run('rollout', 'status', 'weather', '--watch=maybe')).code).toBe(2);
  });

  test('-o json is the rollout as the status API lists it; followed, on one line each change', async () => {
    const once = JSON.parse((await cli.run('rollout', 'status', 'weather', '--watch=false', '-o', 'json')).out) as unknown;
    const listed = JSON.parse((await cli.run('get', 'rollouts', 'weather', '-o', 'json')).out) as { items: unknown[] };
    expect(once).toEqual(listed.items[0]);
    const running = cli.follow('rollout', 'status', 'weather', '-o', 'json');
    await running.says('"Stepping"');
    cli.model.change('weather', ended('Promoted', 'TargetServes'));
    const lines = (await running.done).out.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { status: { phase: string } }).status.phase)).toEqual(['Stepping', 'Promoted']);
  });

  test('a service that has had none says its state, once', async () => {
    const conditions = [
      {
        type: 'Synced' as const,
        status: 'True' as const,
        reason: 'Applied',
        message: '',
        observedGeneration: 1,
        lastTransitionAt: startAt,
      },
    ];
    const running = cli.follow('rollout', 'status', 'broken');
    await running.says('broken  Error, no rollout yet');
    cli.model.change('broken', { state: 'Draft', conditions });
    expect(await running.done).toMatchObject({ code: 0, out: 'broken  Error, no rollout yet\nbroken  Draft, no rollout yet\n' });
  });

  describe('of a service at rest that its last rollout does not tell of', () => {
    const synced = (status: 'True' | 'False', reason: string, message: string) => [
      condition('Synced', status, reason, message),
      condition('Stalled', status === 'True' ? 'False' : 'True', reason, ''),
    ];
    test.each([
      ['Promoted', 1, 'what is declared was taken back before', 'False', 'Rejected', 'weather-cccccccc of snapshot 5f was taken back: so.'],
      ['Promoted', 1, 'it is suspended', 'False', 'Suspended', 'Changes of the manifest are not applied until `resume`.'],
      ['RolledBack', 0, 'what is declared by now serves', 'True', 'Applied', 'weather-aaaaaaaa is what the manifest says.'],
    ] as const)('after one that was %s: exit code %i, and it says that %s', async (result, code, _, status, reason, message) => {
      const conditions = synced(status, reason, message);
      cli.model.change('weather', { ...rolloutViews.canary.record, ...ended(result, 'so'), conditions });
      const piped = await cli.run('rollout', 'status', 'weather');
      expect(piped.out.trimEnd().split('\n').at(-1)).toBe(`weather  now: ${message}`);
      expect(piped.code).toBe(code);
      const whole = await cli.run('rollout', 'status', 'weather', '--no-watch');
      expect(whole.out).toContain(`\n  now        ${message}\n`);
      expect((await cli.runWith({ interactive: true, columns: 200 }, 'rollout', 'status', 'weather')).out).toContain(
        `now        ${message}`,
      );
    });

    test('nothing is said twice: the rollout that was taken back is of what is declared', async () => {
      const conditions = synced('False', 'Rejected', `${weatherTarget.name} of snapshot 5f was taken back: so.`);
      cli.model.change('weather', { ...rolloutViews.canary.record, ...ended('RolledBack', 'so'), conditions });
      expect((await cli.run('rollout', 'status', 'weather')).out).not.toContain('now:');
    });
  });

  test('5 when time runs out, and it says that the rollout goes on', async () => {
    let now = startAt;
    const ran = await cli.runWith({ now: () => (now += 400) }, 'rollout', 'status', 'weather', '--timeout', '1s');
    expect(ran).toMatchObject({ code: 5, err: expect.stringMatching(/TimedOut[\s\S]*it goes on/) });
  });
});

describe('history', () => {
  beforeEach(() => cli.model.put(rolloutViews.takenBack));

  test('lists how each ended', async () => {
    expect((await cli.run('rollout', 'history', 'weather')).out).toBe(
      [
        'NUMBER  STRATEGY         TARGET            COMMIT    RESULT      REASON          STARTED  TOOK  WEIGHT',
        '3       canary           weather-bbbbbbbb  5f5f5f5f  RolledBack  AnalysisFailed  1m ago   57s   10%',
        '2       canary (return)  weather-aaaaaaaa  5f5f5f5f  Promoted    TargetServes    1m ago   0ms   100%',
        '',
      ].join('\n'),
    );
  });

  test('--number tells one whole, with what it was judged by', async () => {
    const { out } = await cli.run('rollout', 'history', 'weather', '--number', '3');
    expect(out).toMatch(
      /^weather {2}rollout 3 .*RolledBack[\s\S]*review {6}tool forecast[\s\S]*fail errorRate: 5\.1 % of 412 calls failed/,
    );
    expect(JSON.parse((await cli.run('rollout', 'history', 'weather', '--number', '3', '-o', 'json')).out)).toMatchObject({
      kind: 'Rollout',
      status: { number: 3, topWeight: 10, measurements: [{ outcome: 'fail' }] },
    });
  });

  test('a number that is not remembered is 1', async () => {
    expect(await cli.run('rollout', 'history', 'weather', '--number', '9')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no rollout 9[\s\S]*fairlead rollout history weather/),
    });
  });
});

describe('steering', () => {
  test.each([
    [['pause'], 'pause-rollout', /stands still at `pause 1m`, with 10% of calls to weather-bbbbbbbb[\s\S]*rollout resume weather\n$/],
    [['resume'], 'resume-rollout', /goes on from `pause 1m`, for 42s more/],
    [['promote'], 'promote', /goes past `pause 1m` to `setWeight 50`/],
    [['promote', '--full'], 'promote-full', /goes past all its steps: every call to weather-bbbbbbbb once it is ready/],
    [
      ['abort'],
      'abort',
      /weather-bbbbbbbb gets no more calls and is drained; weather-aaaaaaaa keeps serving[\s\S]*rollout retry weather\n$/,
    ],
  ])('%j asks for %s and says what happens next', async (words, kind, told) => {
    const [verb, ...flags] = words as [string, ...string[]];
    const ran = await cli.run('rollout', verb, 'weather', ...flags);
    expect(cli.asked).toEqual([['command', 'weather', kind]]);
    expect(ran).toMatchObject({ code: 0, out: expect.stringMatching(told) });
  });

  test('promote of a paused one says that it waits for the resume', async () => {
    cli.model.put(rolloutViews.canaryPaused);
    expect((await cli.run('rollout', 'promote', 'weather')).out).toContain('once somebody says `fairlead rollout resume weather`');
  });

  test('retry says that it is what the manifest declares, whatever else was taken back before', async () => {
    cli.model.put(rolloutViews.takenBack);
    expect((await cli.run('rollout', 'retry', 'weather')).out).toContain('weather: what its manifest declares is tried again');
  });

  test('abort of a first deployment says that there is nothing to go back to', async () => {
    expect((await cli.run('rollout', 'abort', 'clock')).out).toContain('clock-cccccccc is stopped; there is nothing to go back to');
  });

  test('4 when the heart ignored it, in its words', async () => {
    cli.onCommand = (service) => {
      cli.model.happen({ service, reason: 'Other', message: 'not the answer' });
      cli.model.happen({ service, reason: 'CommandIgnored', message: 'promote: nothing to go past now.', actor: 'uid:1000' });
    };
    expect(await cli.run('rollout', 'promote', 'weather')).toMatchObject({
      code: 4,
      out: '',
      err: expect.stringContaining('weather: promote: nothing to go past now.'),
    });
  });

  test('what happened before is no answer', async () => {
    cli.model.happen({ service: 'weather', reason: 'CommandIgnored', message: 'of yesterday', actor: 'uid:1000' });
    expect(await cli.run('rollout', 'pause', 'weather')).toMatchObject({ code: 0 });
  });

  test.each(['pause', 'resume', 'promote', 'abort', 'retry'])(
    '%s of an unknown service is 1, names it and asks for nothing',
    async (verb) => {
      const ran = await cli.run('rollout', verb, 'nobody');
      expect([ran.code, cli.asked]).toEqual([1, []]);
      expect(ran.err).toContain('There is no service nobody.');
    },
  );
});

test('get rollouts -w prints each row that changes again, and no other', async () => {
  const running = cli.follow('get', 'rollouts', '-w');
  await running.says('weather  3');
  const { rollout } = rolloutViews.canary.record;
  // Changes until one is seen: the stream may open a moment after the first table.
  const prod = setInterval(() => cli.model.change('weather', { rollout: { ...rollout!, step: 3, waitsFor: 'the gateway' } }), 50);
  await running.says('4/5 setWeight 50');
  clearInterval(prod);
  running.abort();
  const { code, out } = await running.done;
  expect([code, out.match(/^weather/gm)?.length, out.match(/^files/gm)?.length]).toEqual([0, 2, 2]);
});
