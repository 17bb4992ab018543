/**
 * What people do to one Service in the course of a run: a pure function of the seed, drawn one Change at a time, so
 * that a run with faults and its twin without see the very same Changes at the very same virtual instants.
 *
 * calm: every Change has time to settle before the next, so the outcome depends on nothing but the Changes. Only what
 * does not touch the outcome (a pause that is ended, a promotion before its time) comes while a Rollout is under way.
 * storm: Changes come at any distance, from the same instant on.
 */
import type { CommandKind } from '../model/command.ts';
import type { Declaration, GroupMember } from '../model/desired.ts';
import type { Revision } from '../model/revision.ts';
import type { Migration, Service, StrategyName } from '../model/service.ts';
import { drawBehaviour, drawRevision, type Behaviour } from './behaviour.ts';
import { driftedFrom, drawOffer, hashOf, type Offer } from './contracts.ts';
import { drawsPolicy } from './drift-policies.ts';
import { Prng } from './prng.ts';
import { serviceName, serviceOf, type Draft, type Habits } from './services.ts';
import { drawMigration, drawSteps, withSteps } from './settings.ts';

export type Stands = GroupMember['stands'];

export type Change =
  /** partner: how the other member of its group stands from the same moment on; null: as it did. */
  | { readonly kind: 'source'; readonly declaration: Declaration; readonly what: string; readonly partner: Stands | null }
  | { readonly kind: 'dependency'; readonly ready: boolean }
  /** The other member of its group. */
  | { readonly kind: 'partner'; readonly stands: Stands }
  /** What a Revision offers is another Contract from now on, and nobody said so. */
  | { readonly kind: 'drift'; readonly revision: string; readonly offer: Offer }
  | { readonly kind: 'command'; readonly command: CommandKind };

/** Room for everything that a Change may set off, faults of its window included: deadlines, back-offs, drains, waits. */
const calmGapMs = 45 * 60_000;
/** Whatever a Rollout of a calm run does by itself is done after this. */
export const calmWaitMs = 10 * 60_000;

export class Workload {
  readonly calm: boolean;
  readonly behaviours = new Map<string, Behaviour>();
  /** What each Revision offers when it is first started. */
  readonly offers = new Map<string, Offer>();
  /** Every valid Service that was ever declared. */
  readonly declared = new Map<string, Service>();
  /** Some Revisions cannot live beside another: calls wait while such a one is swapped. */
  readonly mayBeExclusive: boolean;
  /** Revisions that are bad only under load, in the preview or by a metric may come: whether they are caught depends on more than the Changes. */
  readonly mayBeLoaded: boolean;
  readonly callsASecond: number;
  /** How long it takes until what a Contract says is known, when nothing goes wrong. */
  readonly contractLagMs: number;
  /** In the end everybody lets go of what they hold up. */
  readonly freesAtEnd: boolean;
  private readonly prng: Prng;
  private readonly only: StrategyName | null;
  private readonly habits: Habits;
  private readonly past: Revision[] = [];
  private readonly draft: Draft;
  private snapshots = 0;
  private suspended = false;
  /** The last command was an abort: whoever gave it often thinks again at once. */
  private aborted = false;
  private dependencyReady: boolean;
  private partner: Stands = 'settled';
  private current: 'declared' | 'invalid' | 'unknown' | 'absent' = 'declared';
  /** Changes that the last one brings with it, each so long after the one before. */
  private following: { readonly gapMs: number; readonly change: () => Change }[] = [];

  constructor(seed: number, only: StrategyName | null) {
    this.prng = new Prng(seed, 'workload');
    this.only = only;
    const { prng } = this;
    this.calm = prng.chance(0.5);
    this.mayBeExclusive = prng.chance(drawsPolicy(seed) ? 0.4 : 0.15);
    this.mayBeLoaded = !this.calm || prng.chance(0.4);
    this.callsASecond = prng.pick([0, 0.2, 50, 50, 200]);
    this.contractLagMs = prng.pick([0, 0, 500, 10_000]);
    this.freesAtEnd = prng.chance(0.8);
    this.habits = { failureThreshold: prng.between(1, 3), successThreshold: prng.between(1, 2) };
    this.dependencyReady = prng.chance(0.6);
    this.draft = {
      revision: this.newRevision(prng.chance(0.9) ? 'good' : 'bad'),
      replicas: prng.between(1, 4),
      state: 'Active',
      limits: 0,
      settings: 0,
      checks: 0,
      dependsOn: prng.chance(0.2),
      migration: drawMigration(prng, { calm: this.calm, only }),
    };
  }

  get initialDependencyReady(): boolean {
    return this.dependencyReady;
  }

  /** The first declaration; it is there before the controller first starts. */
  first(): Change {
    return this.source('declares');
  }

  gapMs(): number {
    const { prng } = this;
    const [next] = this.following;
    if (next !== undefined) return next.gapMs;
    if (this.calm) return calmGapMs;
    if (this.aborted && prng.chance(0.5)) return prng.between(0, 50);
    return prng.weighted([
      [0, 1],
      [prng.between(1, 100), 3],
      [prng.between(100, 3_000), 5],
      [prng.between(3_000, 30_000), 5],
      [prng.between(30_000, 400_000), 2],
    ]);
  }

  next(): Change {
    const { prng, draft } = this;
    const next = this.following.shift();
    if (next !== undefined) return next.change();
    if (this.suspended && prng.chance(0.5)) return this.command('resume');
    if (this.aborted && prng.chance(0.4)) return this.command('retry');
    if (this.current === 'absent' && prng.chance(0.6)) {
      if (prng.chance(0.3)) draft.state = 'Inactive';
      return this.source('declares again');
    }
    if ((this.current === 'invalid' || this.current === 'unknown') && prng.chance(0.6)) return this.source('mends');
    if (draft.state !== 'Active' && prng.chance(0.5)) {
      draft.state = 'Active';
      return this.source('activates');
    }
    if (draft.dependsOn && !this.dependencyReady && prng.chance(0.5)) return this.dependency();
    if ((this.partner === 'moving' || this.partner === 'rejected') && prng.chance(0.5)) return this.partnerBecomes(this.drawStands());
    return prng.weighted<() => Change>([
      [() => this.update('good'), 32],
      [() => this.update('bad'), 14],
      [() => this.update(this.calm ? 'good' : 'unsteady'), 5],
      [() => this.update(this.mayBeLoaded ? 'loaded' : 'good'), 16],
      [() => this.comeBack(), 12],
      [() => this.adjust(), 14],
      [() => this.flip(), 5],
      [() => this.remove(), 3],
      [() => this.spoil(), 5],
      [() => (draft.dependsOn ? this.dependency() : this.adjust()), 3],
      [() => this.drift(), 3],
      [() => (draft.migration.releaseTogether === null ? this.update('good') : this.partnerBecomes(this.drawStands())), 4],
      [() => this.command(this.drawCommand()), this.calm ? 9 : 20],
    ])();
  }

  private newRevision(worth: Behaviour['worth']): Revision {
    const { prng } = this;
    const before = this.past.at(-1);
    const revision = drawRevision(prng, serviceName, this.mayBeExclusive && prng.chance(0.6));
    this.behaviours.set(revision.hash, drawBehaviour(prng, worth));
    this.offers.set(revision.hash, drawOffer(prng, before === undefined ? null : this.offers.get(before.hash)!));
    this.past.push(revision);
    return revision;
  }

  private update(worth: Behaviour['worth']): Change {
    const { draft, prng } = this;
    draft.revision = this.newRevision(worth);
    if (draft.migration.releaseTogether !== null && prng.chance(0.5)) {
      this.follow(this.calm ? prng.between(1_000, calmWaitMs) : prng.between(1_000, 60_000), () => this.partnerBecomes(this.drawStands()));
      this.partner = 'moving';
      return this.source(`updates to ${this.behaviours.get(draft.revision.hash)!.kind} with its group`, 'moving');
    }
    if (this.calm) this.interfere();
    else if (prng.chance(0.25)) this.storm();
    return this.source(`updates to ${this.behaviours.get(draft.revision.hash)!.kind}`);
  }

  /** While a Rollout of a calm run is under way: nothing that a good end depends on, unless it would wait for ever. */
  private interfere(): void {
    const { prng } = this;
    const { strategy, blueGreen, canary } = this.draft.migration;
    const waits = strategy === 'blue-green' ? !blueGreen.autoPromote : strategy === 'canary' && canary.steps.some(isForPerson);
    if (waits && prng.chance(0.7)) {
      const full = strategy !== 'canary' || prng.chance(0.5);
      const times = full ? 1 : canary.steps.filter(isForPerson).length;
      for (let time = 0; time < times; time++) this.follow(calmWaitMs, () => this.command(full ? 'promote-full' : 'promote'));
    } else if (prng.chance(0.25)) {
      this.follow(prng.between(100, 60_000), () => this.command('pause-rollout'));
      this.follow(prng.between(1_000, 300_000), () => this.command('resume-rollout'));
    } else if (!waits && prng.chance(0.15)) {
      this.follow(prng.between(100, 60_000), () => this.command(prng.chance(0.5) ? 'promote' : 'promote-full'));
    }
  }

  /** One Change after the other, milliseconds apart, and now and then a change of the manifest in the middle of a Rollout. */
  private storm(): void {
    const { prng } = this;
    const kind = prng.pick(['supersede', 'rescale', 'resettle', 'command', 'command']);
    const count = kind === 'supersede' ? prng.between(1, 4) : 1;
    for (let index = 0; index < count; index++) {
      if (kind === 'supersede')
        this.follow(prng.between(0, 20), () => {
          this.draft.revision = prng.chance(0.3) ? prng.pick(this.past.slice(-5)) : this.newRevision(prng.chance(0.7) ? 'good' : 'bad');
          return this.source('supersedes');
        });
      else if (kind === 'rescale')
        this.follow(prng.between(0, 6_000), () => {
          this.draft.replicas = prng.between(1, 3);
          return this.source('rescales');
        });
      else if (kind === 'resettle')
        this.follow(prng.between(0, 30_000), () => {
          this.resettle();
          return this.source('changes how it moves');
        });
      else this.follow(prng.between(0, 30_000), () => this.command(this.drawCommand()));
    }
  }

  private follow(gapMs: number, change: () => Change): void {
    this.following.push({ gapMs, change });
  }

  private comeBack(): Change {
    this.draft.revision = this.prng.pick(this.past.slice(-4));
    return this.source(`returns to ${this.behaviours.get(this.draft.revision.hash)!.kind}`);
  }

  private adjust(): Change {
    const { draft, prng } = this;
    const adjustment = prng.weighted<() => void>([
      [() => (draft.replicas = prng.between(1, draft.migration.strategy === 'rolling' ? 5 : 3)), 4],
      [() => (draft.limits += 1), 2],
      [() => (draft.checks = 1 - draft.checks), 2],
      [() => (draft.dependsOn = !draft.dependsOn), 1],
      [() => this.resettle(), 5],
    ]);
    adjustment();
    return this.source('adjusts');
  }

  /** Another strategy with other settings, or only other steps. */
  private resettle(): void {
    const { draft, prng, calm, only } = this;
    const { migration } = draft;
    draft.settings += 1;
    if (prng.chance(0.6)) draft.migration = drawMigration(prng, { calm, only });
    else draft.migration = withSteps({ ...migration, canary: { ...migration.canary, steps: drawSteps(prng, calm) } });
  }

  private flip(): Change {
    this.draft.state = this.prng.weighted([
      ['Inactive', 3],
      ['Draft', 1],
      ['Active', 1],
    ]);
    return this.source(`sets ${this.draft.state}`);
  }

  private remove(): Change {
    this.current = 'absent';
    return { kind: 'source', declaration: { kind: 'absent' }, what: 'deletes', partner: null };
  }

  private spoil(): Change {
    if (this.prng.chance(0.5)) {
      this.current = 'unknown';
      return { kind: 'source', declaration: { kind: 'unknown', reason: 'unreadable' }, what: 'cannot be read', partner: null };
    }
    this.current = 'invalid';
    const place = { file: 'svc.yaml', line: 1, column: 1, path: 'spec.x' };
    const issue = { code: 'UnknownField', severity: 'error' as const, message: 'unknown', ...place };
    const declaration: Declaration = { kind: 'invalid', issues: [issue], snapshot: `snapshot-${++this.snapshots}` };
    return { kind: 'source', declaration, what: 'is spoilt', partner: null };
  }

  private dependency(): Change {
    this.dependencyReady = !this.dependencyReady;
    return { kind: 'dependency', ready: this.dependencyReady };
  }

  private drawStands(): Stands {
    return this.prng.weighted<Stands>([
      ['ready', 4],
      ['going', 1],
      ['settled', 2],
      ['moving', 1],
      ['rejected', 2],
    ]);
  }

  private partnerBecomes(stands: Stands): Change {
    this.partner = stands;
    return { kind: 'partner', stands };
  }

  private drift(): Change {
    const { draft, prng } = this;
    const { hash } = draft.revision;
    const offer = driftedFrom(this.offers.get(hash)!, prng);
    if (prng.chance(0.4))
      this.follow(this.calm ? calmWaitMs : prng.between(100, 60_000), () => {
        const { migration } = draft;
        draft.settings += 1;
        draft.migration = { ...migration, contract: { ...migration.contract, approved: hashOf(offer) } };
        return this.source('approves');
      });
    return { kind: 'drift', revision: hash, offer };
  }

  private drawCommand(): CommandKind {
    return this.prng.weighted<CommandKind>([
      ['retry', 4],
      ['abort', 4],
      ['suspend', 2],
      ['resume', 1],
      ['pause-rollout', 3],
      ['resume-rollout', 2],
      ['promote', 4],
      ['promote-full', 3],
    ]);
  }

  private command(command: CommandKind): Change {
    this.aborted = command === 'abort';
    if (command === 'suspend') this.suspended = true;
    if (command === 'resume') this.suspended = false;
    if (command === 'pause-rollout' && this.following.length === 0 && this.prng.chance(0.7))
      this.follow(this.prng.between(100, 120_000), () => this.command('resume-rollout'));
    return { kind: 'command', command };
  }

  private source(what: string, partner: Stands | null = null): Change {
    this.current = 'declared';
    const service = serviceOf(this.draft, this.habits, `snapshot-${++this.snapshots}`);
    this.declared.set(service.specHash, service);
    return { kind: 'source', declaration: { kind: 'declared', service }, what, partner };
  }
}

function isForPerson(step: Migration['canary']['steps'][number]): boolean {
  return step.type === 'pause' && step.durationMs === null;
}
