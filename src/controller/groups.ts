/**
 * The groups of services that are released together (`migration.releaseTogether`): who is in one, and whom to tell when one
 * stands otherwise than before. Nothing is remembered here but who was in which group by its Record.
 */
import { statusOf } from '../core/conditions.ts';
import { standOf } from '../core/group.ts';
import type { GroupMember } from '../model/desired.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Service } from '../model/service.ts';
import type { Declarations } from './declarations.ts';

const nobody = { service: '', snapshot: '' };

export class Groups {
  readonly #records: ReadonlyMap<string, ServiceRecord>;
  readonly #declarations: Declarations;
  readonly #recorded = new Map<string, Set<string>>();

  constructor(records: ReadonlyMap<string, ServiceRecord>, declarations: Declarations) {
    this.#records = records;
    this.#declarations = declarations;
  }

  /** The Record of a service says another Service than before. */
  remember(key: string, before: Service | null, after: Service | null): void {
    const [from, to] = [before?.migration.releaseTogether ?? null, after?.migration.releaseTogether ?? null];
    if (from === to) return;
    if (from !== null) this.#recorded.get(from)?.delete(key);
    if (to !== null) this.#recorded.set(to, (this.#recorded.get(to) ?? new Set()).add(key));
  }

  /** The other members of the group of the Service that asks, sorted by name; none without a group. */
  membersFor(asking: Service | null, key: string): readonly GroupMember[] {
    const group = asking?.migration.releaseTogether ?? null;
    if (asking === null || group === null) return [];
    const other = { service: key, snapshot: asking.origin.snapshot };
    const names = [...this.#namesOf(group)].filter((name) => name !== key && this.#groupOf(name) === group);
    return names.sort().map((name) => {
      const { snapshot } = (this.#declarations.service(name) ?? this.#records.get(name)!.desired!).origin;
      return { service: name, stands: standOf(this.#records.get(name) ?? null, this.#declaredOf(name), other), snapshot };
    });
  }

  /** Who has to hear how this service stands: whoever shares a group with it, as declared or as remembered. */
  peersOf(key: string): readonly string[] {
    const groups = new Set([this.#declarations.service(key), this.#records.get(key)?.desired].map((of) => of?.migration.releaseTogether));
    const peers = [...groups].flatMap((group) => (typeof group === 'string' ? [...this.#namesOf(group)] : []));
    return peers.filter((name) => name !== key);
  }

  /** How the service stands for its group, and for those that it depends on; null where it has none. Equal when nobody else has anything new to hear. */
  standingOf(key: string): string | null {
    const group = this.#groupOf(key);
    const record = this.#records.get(key) ?? null;
    const depends = statusOf(record?.conditions ?? [], 'DependenciesReady');
    return group === null ? null : `${group} ${standOf(record, this.#declaredOf(key), nobody)} ${depends}`;
  }

  #namesOf(group: string): ReadonlySet<string> {
    return new Set([...this.#declarations.inGroup(group), ...(this.#recorded.get(group) ?? [])]);
  }

  #groupOf(key: string): string | null {
    return (this.#declarations.service(key) ?? this.#records.get(key)?.desired)?.migration.releaseTogether ?? null;
  }

  /** What its manifest says; as last known while the source says nothing. */
  #declaredOf(key: string): Service | null {
    const { kind } = this.#declarations.of(key);
    return kind === 'unknown' ? (this.#records.get(key)?.desired ?? null) : this.#declarations.service(key);
  }
}
