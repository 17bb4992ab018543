/** What there is to say of commits, made up: how the services of a git source stand, without a compiler and without a heart. */
import type { ServiceFacts, SourceFacts } from '../../src/controller/commit-status.ts';
import { newRecord } from '../../src/core/record.ts';
import type { Declaration } from '../../src/model/desired.ts';
import type { Issue } from '../../src/model/issue.ts';
import type { Rejection, ServiceRecord } from '../../src/model/record.ts';
import type { Rollout } from '../../src/model/rollout.ts';
import type { Service } from '../../src/model/service.ts';
import { service as serviceOf } from '../core/situation.ts';

const typo: Issue = {
  code: 'UnknownField',
  severity: 'error',
  message: 'No field `replicsa`.',
  file: 'files.yaml',
  line: 7,
  column: 3,
  path: 'spec',
};

/** A git source with a few services, moved by hand: what the compiler and the heart would come to. */
export class CommitWorld {
  commits = 0;
  head: string | null = null;
  issues: Issue[] = [];
  readonly declared = new Map<string, Declaration>();
  readonly records = new Map<string, ServiceRecord>();

  /** A commit that declares these services so: a version, `invalid`, or null for deleted. */
  commit(changes: Readonly<Record<string, string | null>>): string {
    this.commits += 1;
    const head = String(this.commits).padStart(40, '0');
    this.head = head;
    for (const [name, change] of Object.entries(changes)) {
      if (change === null) this.declared.set(name, { kind: 'absent' });
      else if (change === 'invalid') this.declared.set(name, { kind: 'invalid', issues: [typo], snapshot: head });
      else this.declared.set(name, { kind: 'declared', service: this.#service(name, change, head) });
    }
    this.issues = [...this.declared.values()].some(({ kind }) => kind === 'invalid') ? [typo] : [];
    return head;
  }

  #service(name: string, version: string, snapshot: string): Service {
    const before = this.declared.get(name);
    const made = serviceOf(version, { name, origin: { source: 'main', snapshot, file: `${name}.yaml`, line: 1 } });
    return before?.kind === 'declared' && before.service.specHash === made.specHash ? before.service : made;
  }

  /** The heart takes in what is declared, and begins what follows from it. */
  pass(name: string): void {
    const declaration = this.declared.get(name) ?? { kind: 'absent' as const };
    const record = this.records.get(name) ?? (declaration.kind === 'absent' || declaration.kind === 'unknown' ? null : newRecord(name, 0));
    if (record === null || (record.suspended && record.desired !== null && declaration.kind !== 'invalid')) return;
    if (declaration.kind === 'absent') return void this.records.set(name, { ...record, deleting: true, rollout: null });
    if (declaration.kind !== 'declared') return void this.records.set(name, record);
    const desired = record.desired?.specHash === declaration.service.specHash ? record.desired : declaration.service;
    const { hash } = desired.revision;
    const taken = record.rejections.some(({ revision }) => revision === hash) || record.stable?.hash === hash;
    const same = record.rollout?.target === hash;
    const rollout = taken
      ? null
      : same
        ? record.rollout
        : ({ number: record.rolloutCount + 1, target: hash, failures: 0, lastFailure: null } as Rollout);
    this.records.set(name, {
      ...record,
      desired,
      deleting: false,
      rollout,
      rolloutCount: record.rolloutCount + (rollout === null || same ? 0 : 1),
    });
  }

  /** The Rollout under way ends; a stop comes to its end. */
  end(name: string, good: boolean): void {
    const record = this.records.get(name);
    if (record?.deleting === true) return void this.records.delete(name);
    if (record === undefined || record.rollout === null) return;
    const { revision } = record.desired!;
    this.records.set(
      name,
      good ? { ...record, rollout: null, stable: revision } : { ...record, rollout: null, rejections: [rejectionOf(record)] },
    );
  }

  /** What was promoted turns bad, and the one before serves again. */
  regress(name: string): void {
    const record = this.records.get(name);
    if (record === undefined || record.stable === null || record.rollout !== null || record.stable.hash !== record.desired!.revision.hash)
      return;
    this.records.set(name, { ...record, stable: serviceOf('before').revision, rejections: [rejectionOf(record)] });
  }

  suspend(name: string, suspended: boolean): void {
    const record = this.records.get(name);
    if (record !== undefined) this.records.set(name, { ...record, suspended });
  }

  hold(name: string): void {
    if (this.records.has(name))
      this.declared.set(name, { kind: 'unknown', reason: 'Its manifest is gone, and the prune guard holds the deletion.' });
  }

  facts(): SourceFacts {
    const names = new Set([...this.declared].filter(([, { kind }]) => kind !== 'absent').map(([name]) => name));
    for (const name of this.records.keys()) names.add(name);
    const services = [...names]
      .sort()
      .map((name): ServiceFacts => ({ service: name, declaration: this.declared.get(name)!, record: this.records.get(name) ?? null }));
    return { source: 'main', commit: this.head, issues: this.issues, services };
  }
}

/** What was declared, taken back for its check. */
export function rejectionOf({ desired }: ServiceRecord): Rejection {
  const { hash, name } = desired!.revision;
  return { revision: hash, name, reason: 'CheckFailed', message: 'alive answered otherwise', at: 0, snapshot: desired!.origin.snapshot };
}
