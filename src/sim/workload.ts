/**
 * What people do to one Service in the course of a run: a pure function of the seed, drawn one Change at a time, so
 * that a run with faults and its twin without see the very same Changes at the very same virtual instants.
 *
 * calm: every Change has time to settle before the next, so the outcome depends on nothing but the Changes.
 * storm: Changes come at any distance, from the same instant on.
 */
import type { CommandKind } from '../model/command.ts';
import type { Declaration } from '../model/desired.ts';
import type { Revision } from '../model/revision.ts';
import type { Check, Health, Limits, Service } from '../model/service.ts';
import { drawBehaviour, drawRevision, type Behaviour } from './behaviour.ts';
import { Prng } from './prng.ts';

export const serviceName = 'svc';
export const dependencyName = 'base';

/** Room for everything that a Change may set off, faults of its window included: deadlines, back-offs, drains. */
const calmGapMs = 45 * 60_000;

export type Change =
  | { readonly kind: 'source'; readonly declaration: Declaration; readonly what: string }
  | { readonly kind: 'dependency'; readonly ready: boolean }
  | { readonly kind: 'command'; readonly command: CommandKind };

interface Draft {
  revision: Revision;
  replicas: number;
  state: Service['state'];
  limits: number;
  checks: number;
  dependsOn: boolean;
  /** Whether a Rollout that fails is taken back by itself. */
  automatic: boolean;
}

export class Workload {
  readonly calm: boolean;
  readonly behaviours = new Map<string, Behaviour>();
  /** Every valid Service that was ever declared. */
  readonly declared = new Map<string, Service>();
  private readonly prng: Prng;
  /** Some Revisions cannot live beside another: calls wait while such a one is swapped. */
  readonly mayBeExclusive: boolean;
  private readonly failureThreshold: number;
  private readonly successThreshold: number;
  private readonly deadlineMs: number;
  private readonly past: Revision[] = [];
  private draft: Draft;
  private snapshots = 0;
  private suspended = false;
  /** The last command was an abort: whoever gave it often thinks again at once. */
  private aborted = false;
  /** The next Change is of replicas alone, in the middle of a Rollout. */
  private rescales = false;
  private dependencyReady: boolean;
  private current: 'declared' | 'invalid' | 'unknown' | 'absent' = 'declared';

  constructor(seed: number) {
    this.prng = new Prng(seed, 'workload');
    const { prng } = this;
    this.calm = prng.chance(0.5);
    this.mayBeExclusive = prng.chance(0.25);
    this.failureThreshold = prng.between(1, 3);
    this.successThreshold = prng.between(1, 2);
    this.deadlineMs = this.calm ? 600_000 : prng.pick([20_000, 60_000, 300_000, 600_000]);
    this.dependencyReady = prng.chance(0.6);
    this.draft = {
      revision: this.newRevision(prng.chance(0.8) ? 'good' : 'bad'),
      replicas: prng.between(1, 3),
      state: 'Active',
      limits: 0,
      checks: 0,
      dependsOn: prng.chance(0.25),
      automatic: prng.chance(0.95),
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
    if (this.calm) return calmGapMs;
    if (this.aborted && prng.chance(0.5)) return prng.between(0, 50);
    if (this.rescales) return prng.between(0, 6_000);
    return prng.weighted([
      [0, 1],
      [prng.between(1, 100), 3],
      [prng.between(100, 3_000), 5],
      [prng.between(3_000, 30_000), 4],
      [prng.between(30_000, 400_000), 2],
    ]);
  }

  next(): Change {
    const { prng, draft } = this;
    if (this.suspended && prng.chance(0.5)) return this.command('resume');
    if (this.aborted && prng.chance(0.4)) return this.command('retry');
    if (this.rescales) {
      this.rescales = false;
      draft.replicas = prng.between(1, 3);
      return this.source('rescales');
    }
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
    const what = prng.weighted<() => Change>([
      [() => this.update('good'), 30],
      [() => this.update('bad'), 18],
      [() => (this.calm ? this.update('good') : this.update('unsteady')), 5],
      [() => this.comeBack(), 12],
      [() => this.adjust(), 10],
      [() => this.flip(), 7],
      [() => this.remove(), 4],
      [() => this.spoil(), 5],
      [() => (draft.dependsOn ? this.dependency() : this.adjust()), 4],
      [
        () =>
          this.command(
            prng.weighted<CommandKind>([
              ['retry', 4],
              ['abort', 4],
              ['suspend', 2],
              ['resume', 1],
            ]),
          ),
        9,
      ],
    ]);
    return what();
  }

  private newRevision(worth: Behaviour['worth']): Revision {
    const revision = drawRevision(this.prng, serviceName, this.mayBeExclusive && this.prng.chance(0.6));
    this.behaviours.set(revision.hash, drawBehaviour(this.prng, worth));
    this.past.push(revision);
    return revision;
  }

  private update(worth: Behaviour['worth']): Change {
    this.draft.revision = this.newRevision(worth);
    this.rescales = !this.calm && this.prng.chance(0.15);
    return this.source(`updates to ${this.behaviours.get(this.draft.revision.hash)!.kind}`);
  }

  private comeBack(): Change {
    this.draft.revision = this.prng.pick(this.past.slice(-5));
    return this.source(`returns to ${this.behaviours.get(this.draft.revision.hash)!.kind}`);
  }

  private adjust(): Change {
    const { draft, prng } = this;
    const adjustment = prng.weighted<() => void>([
      [() => (draft.replicas = prng.between(1, 3)), 4],
      [() => (draft.limits += 1), 2],
      [() => (draft.checks = 1 - draft.checks), 2],
      [() => (draft.dependsOn = !draft.dependsOn), 1],
      [() => (draft.automatic = !draft.automatic || prng.chance(0.5)), 1],
    ]);
    adjustment();
    return this.source('adjusts');
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
    return { kind: 'source', declaration: { kind: 'absent' }, what: 'deletes' };
  }

  private spoil(): Change {
    if (this.prng.chance(0.5)) {
      this.current = 'unknown';
      return { kind: 'source', declaration: { kind: 'unknown', reason: 'unreadable' }, what: 'cannot be read' };
    }
    this.current = 'invalid';
    const issue = {
      code: 'UnknownField',
      severity: 'error' as const,
      message: 'unknown',
      file: 'svc.yaml',
      line: 1,
      column: 1,
      path: 'spec.x',
    };
    const declaration: Declaration = { kind: 'invalid', issues: [issue], snapshot: `snapshot-${++this.snapshots}` };
    return { kind: 'source', declaration, what: 'is spoilt' };
  }

  private dependency(): Change {
    this.dependencyReady = !this.dependencyReady;
    return { kind: 'dependency', ready: this.dependencyReady };
  }

  private command(command: CommandKind): Change {
    this.aborted = command === 'abort';
    if (command === 'suspend') this.suspended = true;
    if (command === 'resume') this.suspended = false;
    return { kind: 'command', command };
  }

  private source(what: string): Change {
    this.current = 'declared';
    const service = this.service();
    this.declared.set(service.specHash, service);
    return { kind: 'source', declaration: { kind: 'declared', service }, what };
  }

  private service(): Service {
    const { draft } = this;
    const { revision, replicas, state, dependsOn } = draft;
    return {
      name: serviceName,
      labels: {},
      annotations: {},
      formerly: null,
      description: '',
      tags: [],
      type: 'server',
      state,
      revision,
      replicas,
      affinity: 'session',
      limits: limitsOf(draft.limits),
      dependsOn: dependsOn ? [{ service: dependencyName, condition: 'Ready' }] : [],
      expose: { tools: { allow: [], deny: [], rename: {} }, prefix: serviceName },
      health: this.health(),
      migration: {
        strategy: 'in-place',
        progressDeadlineMs: this.deadlineMs,
        rollback: { automatic: draft.automatic, window: 2 },
      },
      specHash: `${revision.hash.slice(0, 8)}/${replicas}/${state}/${draft.limits}/${draft.checks}/${dependsOn}/${draft.automatic}`,
      origin: { source: 'folder', snapshot: `snapshot-${++this.snapshots}`, file: 'svc.yaml', line: 1 },
    };
  }

  private health(): Health {
    const checks: Check[] = [
      { name: 'alive', type: 'basic', timeoutMs: 1_000 },
      { name: 'works', type: 'functional', timeoutMs: 1_000, tool: 'echo', arguments: {}, expect: {} },
    ];
    if (this.draft.checks === 1)
      checks.push({ name: 'fast', type: 'performance', timeoutMs: 1_000, p95Ms: 500, errorRate: null, minCalls: 10 });
    return { intervalMs: 5_000, checks, failureThreshold: this.failureThreshold, successThreshold: this.successThreshold };
  }
}

/** Every change of limits is a larger callTimeout, so that what was promised to a call that has begun still holds. */
function limitsOf(changes: number): Limits {
  return {
    startTimeoutMs: 5_000,
    stopTimeoutMs: 3_000,
    drainTimeoutMs: 20_000,
    callTimeoutMs: 10_000 + changes,
    maxConcurrentCalls: 100 + changes,
  };
}
