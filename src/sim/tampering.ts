/**
 * A Host that somebody tampers with: it runs what no Plan names, has lost what its Plan names, or its gateway routes otherwise than
 * it was told. Drawn from a stream of chance of its own, and in one seed of six alone, so that it shifts nothing else; and wherever the
 * policy is drawn, where what no Plan names may also go by itself and be there beside what lives alone, and what was lost may be found again.
 */
import { soonMs } from './drift-policies.ts';
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
    this.enabled = world.options.faults && (world.seed % 6 === 3 || world.policies.enabled);
  }

  /** Draws what follows a Change, which has the next one `gapMs` after it. */
  followChange(gapMs: number): void {
    if (!this.enabled) return;
    const { world, prng } = this;
    const { enabled } = world.policies;
    const windowMs = Math.max(enabled && prng.chance(0.5) ? Math.min(gapMs, soonMs) : gapMs, 50);
    for (let count = enabled ? prng.between(0, 3) : Number(prng.chance(0.5)); count > 0; count--)
      world.queue.after(prng.between(0, windowMs), () => {
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

  private addStranger(host: SimHost): void {
    const { world, prng } = this;
    const like = this.model(host);
    if (like === undefined) return;
    const id = `stranger-${++this.strangers}`;
    const named = { id, revision: like.revision, ordinal: 0, incarnation: 0, duty: 'serve' } as const;
    const stranger = new SimInstance(named, false, like.behaviour, world.wallNow());
    stranger.phase = prng.chance(0.8) ? 'connected' : 'starting';
    stranger.connectedAt = stranger.phase === 'connected' ? world.wallNow() : null;
    if (prng.chance(0.3)) stranger.staysUntil = world.queue.now + prng.between(1_000, 90_000);
    host.instances.push(stranger);
    world.note('tampering', `${id} runs`);
    if (world.policies.enabled && prng.chance(0.3)) host.later(prng.between(1_000, 1_200_000), () => this.leave(host, stranger));
  }

  private leave(host: SimHost, stranger: SimInstance): void {
    if (stranger.phase !== 'starting' && stranger.phase !== 'connected') return;
    host.lose(stranger);
    this.world.note('tampering', `${stranger.id} goes`);
  }

  /** Whom a stranger is like. Beside one that lives alone it comes only where the policy is drawn. */
  private model({ instances }: SimHost): SimInstance | undefined {
    const { world, prng } = this;
    if (!world.policies.enabled) return world.workload.mayBeExclusive ? undefined : instances.find(({ phase }) => phase === 'connected');
    const serving = instances.filter(({ phase, duty }) => phase === 'connected' && duty === 'serve');
    return serving.length === 0 ? undefined : prng.pick(serving);
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
    if (!world.policies.enabled || world.workload.mayBeExclusive || !prng.chance(0.3)) return;
    host.later(prng.between(500, 60_000), () => {
      if (!world.closing && host.find(lost)) world.note('tampering', `${lost.id} is found again`);
    });
  }
}
