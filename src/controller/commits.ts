/**
 * What commits say of themselves, for those that services speak of: kept over restarts, so that people are shown whose change it
 * was that runs, long after newer commits came. So many at most; those that no service speaks of any more go first, the oldest
 * before the others.
 */
import type { ServiceRecord } from '../model/record.ts';
import type { CommitFacts } from '../model/snapshot.ts';
import type { Store } from '../ports/store.ts';

const key = 'commits';

export class Commits {
  readonly #store: Store;
  readonly #epoch: number;
  readonly #records: () => Iterable<ServiceRecord>;
  readonly #most: number;
  #known: ReadonlyMap<string, CommitFacts> = new Map();

  /** `most`: 2,000 unless told otherwise, which comes to a megabyte. */
  constructor(store: Store, epoch: number, records: () => Iterable<ServiceRecord>, most = 2_000) {
    this.#store = store;
    this.#epoch = epoch;
    this.#records = records;
    this.#most = most;
  }

  /** By id, in the order in which they came. */
  get known(): ReadonlyMap<string, CommitFacts> {
    return this.#known;
  }

  async load(): Promise<void> {
    const stored = JSON.parse((await this.#store.setting(key)) ?? '[]') as CommitFacts[];
    this.#known = new Map(stored.map((facts) => [facts.id, facts]));
  }

  /** Resolves when it is stored. */
  async keep(facts: CommitFacts): Promise<void> {
    if (this.#known.has(facts.id)) return;
    const known = new Map([...this.#known, [facts.id, facts]]);
    if (known.size > this.#most) this.#shrink(known, facts.id);
    await this.#store.saveSetting(this.#epoch, key, JSON.stringify([...known.values()]));
    this.#known = known;
  }

  #shrink(known: Map<string, CommitFacts>, newest: string): void {
    const mentioned = new Set([newest, ...[...this.#records()].flatMap(mentionedBy)]);
    const ids = [...known.keys()];
    const leaving = [...ids.filter((id) => !mentioned.has(id)), ...ids.filter((id) => mentioned.has(id))];
    for (const id of leaving.slice(0, known.size - this.#most)) known.delete(id);
  }
}

/** Ids of all Snapshots that a Record speaks of. */
function mentionedBy({ observedSnapshot, appliedSnapshot, desired, rollout, verdicts, rejections, promoted }: ServiceRecord): string[] {
  return [
    ...[observedSnapshot, appliedSnapshot, desired?.origin.snapshot ?? '', rollout?.snapshot ?? ''],
    ...[...verdicts, ...rejections].map(({ snapshot }) => snapshot),
    ...promoted.map(({ service }) => service.origin.snapshot),
  ];
}
