/** The ReadModel over what the loop remembers. Reading changes nothing and waits for nothing that the loop does. */
import { maskedSpec, specOfService } from '../manifest/spec.ts';
import type { Contract } from '../model/contract.ts';
import type { Event } from '../model/event.ts';
import type { Provenance } from '../model/provenance.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { About, ReadModel, ServiceView, SourceView } from '../ports/read-model.ts';
import type { EventQuery, UsageDay } from '../ports/store.ts';
import type { ControllerContext } from './context.ts';

export class Reader implements ReadModel {
  readonly #controller: ControllerContext;
  readonly #eventListeners = new Set<(event: Event) => void>();
  readonly #changeListeners = new Set<(service: string) => void>();
  readonly #specs = new WeakMap<object, Readonly<Record<string, unknown>>>();

  constructor(controller: ControllerContext) {
    this.#controller = controller;
  }

  about(): About {
    const { parts, epoch, loop } = this.#controller;
    return { ...parts.about(), epoch, hostConnected: loop.hostConnected };
  }

  services(): readonly ServiceView[] {
    const records = [...this.#controller.loop.records.values()];
    return records.sort((a, b) => (a.service < b.service ? -1 : 1)).map((record) => this.#viewOf(record));
  }

  service(name: string): ServiceView | null {
    const record = this.#controller.loop.records.get(name);
    return record === undefined ? null : this.#viewOf(record);
  }

  sources(): readonly SourceView[] {
    const { sources, declarations } = this.#controller;
    return [...sources.values()].map(({ name, parts: { kind, location, drift }, declared, state }) => ({
      name,
      kind,
      location,
      snapshot: declared.snapshot,
      commit: state.snapshot?.commit ?? null,
      refused: state.refused,
      unmatchedPaths: state.snapshot?.unmatchedPaths ?? [],
      driftPolicy: drift ?? 'correct',
      drift: state.drift === 'unknown' ? null : state.drift,
      readAt: state.readAt,
      suspended: declared.suspended,
      failure: declared.failure,
      pruneHeld: declarations.heldOf(name),
      services: state.services,
      issues: declarations.amend(name, state.issues),
    }));
  }

  async events(query: EventQuery): Promise<Event[]> {
    return this.#controller.parts.store.events(query);
  }

  async contract(hash: string): Promise<Contract | null> {
    return this.#controller.parts.store.contract(hash);
  }

  async usage(service: string | null, sinceDay: string): Promise<UsageDay[]> {
    return this.#controller.parts.store.usage(service, sinceDay);
  }

  onEvent(callback: (event: Event) => void): () => void {
    const listener = (event: Event): void => callback(event);
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onChange(callback: (service: string) => void): () => void {
    const listener = (service: string): void => callback(service);
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  async explain(service: string, field: string | null): Promise<readonly Provenance[]> {
    const { declarations, sources, loop } = this.#controller;
    const source = declarations.keeperOf(service) ?? loop.records.get(service)?.desired?.origin.source;
    return (await sources.get(source ?? '')?.parts.compiler.explain(service, field)) ?? [];
  }

  tellEvents(events: readonly Event[]): void {
    for (const event of events) for (const listener of this.#eventListeners) this.#safely(() => listener(event));
  }

  tellChange(service: string): void {
    for (const listener of this.#changeListeners) this.#safely(() => listener(service));
  }

  /** A listener that throws must not stop the loop. */
  #safely(tell: () => void): void {
    try {
      tell();
    } catch (thrown) {
      this.#controller.parts.onProblem('A listener of the read model threw', thrown);
    }
  }

  #viewOf(record: ServiceRecord): ServiceView {
    const { loop, sources, declarations, commits } = this.#controller;
    const issues = [...sources.values()].flatMap(({ name, state }) =>
      declarations.amend(name, state.issuesBySubject.get(record.service) ?? [], record.service),
    );
    return {
      record,
      observation: loop.observations.get(record.service) ?? null,
      issues,
      spec: this.#specOf(record),
      commits: commits.known,
    };
  }

  #specOf({ desired }: ServiceRecord): Readonly<Record<string, unknown>> | null {
    if (desired === null) return null;
    let spec = this.#specs.get(desired);
    if (spec === undefined) {
      spec = maskedSpec(specOfService(desired, this.#controller.sources.get(desired.origin.source)?.state.snapshot?.root));
      this.#specs.set(desired, spec);
    }
    return spec;
  }
}
