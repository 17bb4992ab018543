/**
 * What `fairlead.lock` says of the Service beside its manifest, and who approves in that instead. Drawn from a stream of chance of its
 * own, and in one seed of nine alone, so that it shifts nothing else. A function of the Changes alone: a run and its twin are locked alike.
 *
 * exact: each declaration comes with the Contract that its Revision offers first. Such a Lock changes nothing, so the run without
 * faults goes without it. Otherwise what is locked may be what is offered or another Contract, and may change at any moment.
 */
import type { Declaration } from '../model/desired.ts';
import type { Service } from '../model/service.ts';
import { driftedFrom, hashOf } from './contracts.ts';
import { Prng } from './prng.ts';
import type { World } from './world.ts';

/** A calm Change has settled by then, and what another Lock sets off has time to settle before the next. */
const calmAfterMs = 22 * 60_000;

export class Locks {
  readonly enabled: boolean;
  readonly exact: boolean;
  private readonly wild: boolean;
  /** Whoever would have to approve what is offered does so in the end. */
  private readonly frees: boolean;
  private readonly world: World;
  private readonly prng: Prng;
  private service: Service | null = null;
  private locked: string | null = null;
  private approved: string | null = null;
  private commits = 0;

  constructor(world: World) {
    this.world = world;
    this.prng = new Prng(world.seed, 'locks');
    this.enabled = world.seed % 9 === 5;
    this.exact = this.enabled && this.prng.chance(0.3);
    this.wild = this.enabled && !this.exact;
    this.frees = this.wild && this.prng.chance(0.7);
  }

  /** The declaration as it is read with the Lock beside it. */
  beside(declaration: Declaration): Declaration {
    this.service = declaration.kind === 'declared' ? declaration.service : null;
    if (this.service === null || !this.enabled) return declaration;
    if (this.exact) this.locked = hashOf(this.world.workload.offers.get(this.service.revision.hash)!);
    else if (this.prng.chance(0.4)) this.draw(this.service);
    return this.declared(this.service);
  }

  /** Draws what follows a Change, which has the next one `gapMs` after it. */
  followChange(gapMs: number): void {
    const { world, prng } = this;
    const { calm } = world.workload;
    if (!this.wild || !prng.chance(0.5) || (calm && gapMs < 2 * calmAfterMs)) return;
    const count = calm ? 1 : prng.between(1, 2);
    for (let index = 0; index < count; index++)
      world.queue.after(calm ? calmAfterMs : prng.between(0, Math.max(gapMs, 50)), () => {
        if (world.mayChange()) this.change((service) => this.draw(service));
      });
  }

  /** Another Contract, of which one Instance knows nothing. Who that is depends on faults, so in storms alone. */
  keepOneAsItWas(revision: string): void {
    const { world } = this;
    if (!this.wild || world.workload.calm || this.prng.chance(0.5)) return;
    const first = world.host?.instances.find((instance) => instance.revision === revision);
    if (first !== undefined) first.offer ??= world.offerOf(revision);
  }

  /** Everybody lets go of what they hold up. */
  free(): void {
    if (this.frees) this.change((service) => (this.locked = this.offered(service)));
  }

  private change(draw: (service: Service) => void): void {
    const { world, service } = this;
    if (service === null) return;
    draw(service);
    world.note('source', this.locked === null ? 'is locked no more' : `is locked to ${this.locked}`);
    world.sourceBecomes(this.declared(service));
  }

  private draw(service: Service): void {
    const { prng, world } = this;
    const offered = this.offered(service);
    prng.weighted<() => void>([
      [() => (this.locked = offered), 5],
      [() => (this.locked = hashOf(driftedFrom(world.offerOf(service.revision.hash), prng))), 3],
      [() => (this.locked = hashOf(prng.pick([...world.workload.offers.values()]))), 2],
      [() => (this.locked = null), 3],
      [() => (this.approved = this.approved === null ? offered : null), 2],
    ])();
  }

  private offered({ revision }: Service): string {
    return hashOf(this.world.offerOf(revision.hash));
  }

  /** Another commit each time; the number of its snapshot stays below that of the next manifest. */
  private declared(service: Service): Declaration {
    const { locked, approved, world } = this;
    const { origin, migration } = service;
    const { lock: _, ...unlocked } = service;
    const contract = approved === null ? migration.contract : { ...migration.contract, approved };
    const snapshot = `${origin.snapshot}.${String(++this.commits).padStart(6, '0')}`;
    const without = locked === null || (this.exact && !world.options.faults && world.options.crashAt === null);
    const made = {
      ...unlocked,
      migration: { ...migration, contract },
      specHash: `${service.specHash} ${approved} locked ${locked}`,
      origin: { ...origin, snapshot },
    };
    return { kind: 'declared', service: without ? made : { ...made, lock: { contract: locked } } };
  }
}
