/**
 * What is done about a Host that differs from its Plan: put right, or only reported. In one seed of nine the policy is drawn, and in half
 * of those it is another now and then; in all others all is put right. Drawn from a stream of chance of its own, so that it shifts nothing else.
 */
import type { DriftPolicy } from '../model/drift.ts';
import { Prng } from './prng.ts';
import type { World } from './world.ts';

/** Half of what happens comes within this after a Change: a Rollout may be under way, and one thing close to the other. */
export const soonMs = 60_000;

/** Whether a world is one of those in which the policy is drawn. */
export function drawsPolicy(seed: number): boolean {
  return seed % 9 === 7;
}

export class DriftPolicies {
  readonly enabled: boolean;
  inForce: DriftPolicy = 'correct';
  private readonly changes: boolean;
  /** In the end all is to be put right. */
  private readonly relents: boolean;
  private readonly world: World;
  private readonly prng: Prng;

  constructor(world: World) {
    this.world = world;
    this.prng = new Prng(world.seed, 'drift policies');
    this.enabled = drawsPolicy(world.seed);
    this.changes = this.enabled && this.prng.chance(0.5);
    this.relents = this.enabled && this.prng.chance(0.4);
    if (this.enabled && this.prng.chance(0.8)) this.inForce = 'report';
  }

  /** Draws what follows a Change, which has the next one `gapMs` after it. */
  followChange(gapMs: number): void {
    const { world, prng } = this;
    if (!this.changes) return;
    const windowMs = Math.max(prng.chance(0.5) ? Math.min(gapMs, soonMs) : gapMs, 50);
    for (let count = prng.between(0, 2); count > 0; count--)
      world.queue.after(prng.between(0, windowMs), () => {
        if (!world.closing) this.become(this.inForce === 'report' ? 'correct' : 'report');
      });
  }

  /** Everybody lets go of what they hold up. */
  free(): void {
    if (this.relents) this.become('correct');
  }

  private become(policy: DriftPolicy): void {
    const { world } = this;
    if (this.inForce === policy) return;
    this.inForce = policy;
    world.note('source', policy === 'report' ? 'has drift reported' : 'has drift corrected');
    for (const controller of world.controllers) controller.pass();
  }
}
