/**
 * A Host that somebody tampers with: it runs what no Plan names, has lost what its Plan names, or its gateway routes otherwise than
 * it was told. Drawn from a stream of chance of its own, and in one seed of six alone, so that it shifts nothing else.
 */
import { SimInstance, type SimHost } from './host.ts';
import { Prng } from './prng.ts';
import type { World } from './world.ts';

export class Tampering {
  private readonly world: World;
  private readonly prng: Prng;
  private readonly enabled: boolean;
  private strangers = 0;

  constructor(world: World) {
    this.world = world;
    this.prng = new Prng(world.seed, 'tampering');
    this.enabled = world.options.faults && world.seed % 6 === 3;
  }

  /** Draws what follows a Change, which has the next one `gapMs` after it. */
  followChange(gapMs: number): void {
    if (!this.enabled) return;
    const { world, prng } = this;
    if (!prng.chance(0.5)) return;
    world.queue.after(prng.between(0, Math.max(gapMs, 50)), () => {
      if (!world.closing && world.host !== null) this.strike(world.host);
    });
  }

  private strike(host: SimHost): void {
    const { world, prng } = this;
    const kind = prng.pick(['stranger', 'lost', 'misrouted'] as const);
    if (host.inForce === null || host.taken !== host.inForce) return;
    if (kind === 'misrouted') {
      host.misrouted = prng.chance(0.5) ? null : { other: 100 };
      world.note('tampering', 'the gateway routes otherwise');
    } else if (kind === 'stranger') this.addStranger(host);
    else this.lose(host);
    host.changed();
  }

  /** Beside one that lives alone a second of them would be a fault of another kind. */
  private addStranger(host: SimHost): void {
    const { world, prng } = this;
    const like = host.instances.find(({ phase }) => phase === 'connected');
    if (like === undefined || world.workload.mayBeExclusive) return;
    const id = `stranger-${++this.strangers}`;
    const named = { id, revision: like.revision, ordinal: 0, incarnation: 0, duty: 'serve' } as const;
    const stranger = new SimInstance(named, false, like.behaviour, world.wallNow());
    stranger.phase = prng.chance(0.8) ? 'connected' : 'starting';
    stranger.connectedAt = stranger.phase === 'connected' ? world.wallNow() : null;
    if (prng.chance(0.3)) stranger.staysUntil = world.queue.now + prng.between(1_000, 90_000);
    host.instances.push(stranger);
    world.note('tampering', `${id} runs`);
  }

  private lose(host: SimHost): void {
    const { world, prng } = this;
    const living = host.instances.filter(({ phase }) => phase === 'starting' || phase === 'connected');
    if (living.length === 0) return;
    const lost = prng.pick(living);
    world.faults.onInstances += 1;
    world.hurt.add(lost.revision);
    host.lose(lost);
    world.note('tampering', `${lost.id} is lost`);
  }
}
