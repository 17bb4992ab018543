/** Deletions that somebody asked for by name: the prune guard lets them go. Each is kept, over restarts, until it has been seen. */
import type { Store } from '../ports/store.ts';

const key = 'approvedDeletions';

export class Approvals {
  readonly #store: Store;
  readonly #epoch: number;
  #names: ReadonlySet<string> = new Set();
  /** Those of them that nobody declares any more. */
  readonly #gone = new Set<string>();

  constructor(store: Store, epoch: number) {
    this.#store = store;
    this.#epoch = epoch;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  async load(): Promise<void> {
    this.#names = new Set(JSON.parse((await this.#store.setting(key)) ?? '[]') as string[]);
  }

  async add(names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.#save(new Set([...this.#names, ...names]));
  }

  /** The deletions will not come after all. */
  async withdraw(names: readonly string[]): Promise<void> {
    await this.#save(new Set([...this.#names].filter((name) => !names.includes(name))));
  }

  /** Lets go of those whose deletion has begun, and of names that are declared again after they were gone. */
  async drop(isDeclared: (name: string) => boolean, hasBegun: (name: string) => boolean): Promise<void> {
    const kept = new Set<string>();
    for (const name of this.#names) {
      const declared = isDeclared(name);
      if (declared ? !this.#gone.has(name) : !hasBegun(name)) kept.add(name);
      if (!declared) this.#gone.add(name);
    }
    if (kept.size === this.#names.size) return;
    for (const name of this.#gone) if (!kept.has(name)) this.#gone.delete(name);
    await this.#save(kept);
  }

  async #save(names: ReadonlySet<string>): Promise<void> {
    await this.#store.saveSetting(this.#epoch, key, names.size === 0 ? null : JSON.stringify([...names].sort()));
    this.#names = names;
  }
}
