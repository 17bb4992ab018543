/** Tells the forges of a controller's git Sources what their commits have come to, whenever something has changed. */
import type { CommitStatusReporter } from './commit-status-reporter.ts';
import type { ServiceFacts, SourceFacts } from './commit-status.ts';
import type { ControllerContext } from './context.ts';
import type { SourceKeeper } from './source-keeper.ts';

/** What changes within this time is told at once: a Rollout takes several passes to say one thing. */
const gatherMs = 200;

export class CommitStatuses {
  readonly #controller: ControllerContext;
  /** By name of the Source. */
  readonly #reporters: ReadonlyMap<string, CommitStatusReporter>;
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(controller: ControllerContext, reporters: ReadonlyMap<string, CommitStatusReporter>) {
    this.#controller = controller;
    this.#reporters = reporters;
  }

  /** Something may be otherwise than it was. */
  changed(): void {
    if (this.#reporters.size === 0 || this.#cancel !== null || this.#closed) return;
    this.#cancel = this.#controller.parts.clock.after(gatherMs, () => {
      this.#cancel = null;
      for (const [name, reporter] of this.#reporters) reporter.report(factsOf(this.#controller, this.#controller.source(name)));
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await Promise.all([...this.#reporters.values()].map(async (reporter) => reporter.close()));
  }
}

/** A Service that another Source declares by now is that one's. */
function factsOf({ declarations, loop }: ControllerContext, { name, declared, state }: SourceKeeper): SourceFacts {
  const names = new Set(declared.names());
  for (const { service, desired } of loop.records.values()) if (desired?.origin.source === name) names.add(service);
  const services = [...names]
    .sort()
    .map((service): ServiceFacts => ({ service, declaration: declarations.of(service), record: loop.records.get(service) ?? null }))
    .filter(({ declaration }) => declaration.kind !== 'declared' || declaration.service.origin.source === name);
  return { source: name, commit: state.snapshot?.commit === undefined ? null : declared.snapshot, issues: state.issues, services };
}
