/** Services that wander between sources while polls come late, sources fail and controllers are killed: drawn at random, held to what must always be so. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Service } from '../../src/model/service.ts';
import { service } from '../core/situation.ts';
import { FakeSource, World } from './world.ts';

const sources = ['north', 'south', 'west'] as const;
type SourceName = (typeof sources)[number];
/** The first two are always declared somewhere; the others come and go. */
const names = ['kept', 'held', 'guest'];
const pinned = new Set(['kept', 'held']);

type Step =
  | { readonly what: 'put' | 'drop' | 'move'; readonly name: string; readonly source: SourceName }
  /** Its next poll: it says what it holds. */
  | { readonly what: 'poll' | 'fail' | 'mend'; readonly source: SourceName }
  | { readonly what: 'settle' | 'kill' };

const source = fc.constantFrom(...sources);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constantFrom('put' as const, 'drop' as const, 'move' as const),
      name: fc.constantFrom(...names),
      source,
    }),
  },
  { weight: 5, arbitrary: fc.record({ what: fc.constant('poll' as const), source }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('fail' as const, 'mend' as const), source }) },
  { weight: 4, arbitrary: fc.constant({ what: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ what: 'kill' as const }) },
);

function of(from: SourceName, name: string): Service {
  const made = service('1', { name, expose: { ...service('1').expose, prefix: name } });
  return { ...made, specHash: name, origin: { source: from, snapshot: 'x', file: `${name}.yaml`, line: 1 } };
}

class Wandering {
  readonly world = new World();
  readonly truth = new Map<SourceName, Set<string>>(sources.map((name) => [name, new Set()]));
  readonly down = new Set<SourceName>();

  async start(): Promise<void> {
    this.world.sources = sources.map((name) => new FakeSource(name));
    for (const name of pinned) this.truth.get('north')!.add(name);
    for (const name of sources) this.write(name);
    await this.boot();
  }

  async boot(): Promise<void> {
    await this.world.start();
    this.world.host.connect();
    await this.world.settle();
  }

  /** Questions between sources take more turns than one look at them. */
  async settle(): Promise<void> {
    for (let looks = 0; looks < 5; looks += 1) await this.world.settle();
  }

  source(name: SourceName): FakeSource {
    return this.world.sources.find((candidate) => candidate.name === name)!;
  }

  holders(name: string): SourceName[] {
    return sources.filter((candidate) => this.truth.get(candidate)!.has(name));
  }

  /** Its repository is so from now on; nobody has looked yet. */
  write(name: SourceName): void {
    const declare = (): void => this.source(name).declare([...this.truth.get(name)!].map((held) => of(name, held)));
    this.source(name).quietly(declare);
    if (this.down.has(name)) this.source(name).quietly(() => this.source(name).stayDown());
  }

  async complaintsAbout(name: string): Promise<string[]> {
    const record = this.world.controller.readModel.service(name)?.record ?? null;
    const holders = this.holders(name);
    const complaints: string[] = [];
    const complain = (holds: boolean, words: string): void => void (holds || complaints.push(`${name} ${words}`));
    if (pinned.has(name)) complain(!(await this.world.reasons(name)).includes('ManifestRemoved'), 'was deleted');
    if (holders.length === 0) complain(record === null, 'is still there');
    else complain(record !== null, 'is not there');
    if (holders.length === 1) complain(record?.desired?.origin.source === holders[0], `is not of ${holders[0]}`);
    // Of two that declare what neither of them had neither is taken; what runs goes on.
    if (record !== null && record.desired !== null) complain(record.state === 'Active' && !record.deleting, `is ${record.state}`);
    return complaints;
  }

  async take(next: Step): Promise<void> {
    switch (next.what) {
      case 'put':
        this.truth.get(next.source)!.add(next.name);
        return this.write(next.source);
      case 'drop':
        if (pinned.has(next.name) && this.holders(next.name).every((holder) => holder === next.source)) return;
        this.truth.get(next.source)!.delete(next.name);
        return this.write(next.source);
      case 'move': {
        const from = this.holders(next.name);
        this.truth.get(next.source)!.add(next.name);
        for (const holder of from) if (holder !== next.source) this.truth.get(holder)!.delete(next.name);
        for (const holder of new Set([...from, next.source])) this.write(holder);
        return undefined;
      }
      case 'poll':
        return this.source(next.source).refresh();
      case 'fail':
        this.down.add(next.source);
        return this.source(next.source).unreadable('refused', true);
      case 'mend':
        this.down.delete(next.source);
        this.write(next.source);
        return this.source(next.source).refresh();
      case 'settle':
        return this.settle();
      case 'kill':
        await this.settle();
        await this.world.kill();
        for (const name of this.down) this.source(name).stayDown();
        await this.boot();
        for (const name of this.down) this.source(name).unreadable('refused', true);
        return undefined;
    }
  }
}

it('what is declared somewhere at every moment is never deleted, and in the end all is as the sources say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const wandering = new Wandering();
      const { world } = wandering;
      await wandering.start();
      for (const next of steps) await wandering.take(next);
      for (const name of sources) await wandering.take({ what: 'mend', source: name });
      await wandering.settle();
      const wrong: string[] = [];
      for (const name of names) wrong.push(...(await wandering.complaintsAbout(name)));
      expect(wrong).toEqual([]);
      expect(world.problems).toEqual([]);
      await world.controller.close();
    }),
    { numRuns: 150 },
  );
});
