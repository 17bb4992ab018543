/** The ReadModel with Contracts looked up: what the routes ask. Holds nothing but a bounded cache of immutable Contracts. */
import type { Contract } from '../model/contract.ts';
import { FairleadError } from '../base/error.ts';
import type { Overview, ServiceResource, ToolResource } from '../model/resource.ts';
import type { Service } from '../model/service.ts';
import type { ReadModel, ServiceView } from '../ports/read-model.ts';
import { contractOf, serviceResource, toolResources, type ToolNames } from './resources.ts';

const cachedContracts = 2_000;
const settledStates = new Set(['Active', 'Inactive', 'Draft', 'Error']);

export class Catalog {
  readonly model: ReadModel;
  private readonly names: ToolNames;
  private readonly contracts = new Map<string, Contract>();
  private readonly counts = new WeakMap<Service, { readonly contract: string; readonly count: number }>();

  constructor(model: ReadModel, names: ToolNames) {
    this.model = model;
    this.names = names;
  }

  /** Throws NotFound, naming what is near. */
  view(name: string): ServiceView {
    const view = this.model.service(name);
    if (view !== null) return view;
    const known = this.model.services().map(({ record }) => record.service);
    throw new FairleadError('NotFound', `There is no service ${JSON.stringify(name.slice(0, 80))}.`, {
      data: {
        next:
          known.length === 0 ? 'no service is declared yet' : `there are: ${known.slice(0, 20).join(', ')}${known.length > 20 ? ' …' : ''}`,
      },
    });
  }

  async contract(view: ServiceView): Promise<Contract | null> {
    const hash = contractOf(view);
    if (hash === null) return null;
    const cached = this.contracts.get(hash);
    if (cached !== undefined) return cached;
    const contract = await this.model.contract(hash);
    if (contract === null) return null;
    if (this.contracts.size >= cachedContracts) this.contracts.delete(this.contracts.keys().next().value!);
    this.contracts.set(hash, contract);
    return contract;
  }

  async service(view: ServiceView): Promise<ServiceResource> {
    return serviceResource(view, await this.toolCount(view));
  }

  services(views: readonly ServiceView[]): Promise<ServiceResource[]> {
    return Promise.all(views.map((view) => this.service(view)));
  }

  /** Tools that clients see. What the manifest lets through is counted once for a Service and a Contract: both never change. */
  private async toolCount(view: ServiceView): Promise<number> {
    const contract = await this.contract(view);
    const { desired, quarantine } = view.record;
    if (contract === null || desired === null) return 0;
    if (quarantine.length > 0) return toolResources(view, contract, this.names).length;
    const known = this.counts.get(desired);
    if (known?.contract === contract.hash) return known.count;
    const count = contract.tools.filter(({ name }) => this.names(desired, name) !== null).length;
    this.counts.set(desired, { contract: contract.hash, count });
    return count;
  }

  async tools(view: ServiceView): Promise<ToolResource[]> {
    return toolResources(view, await this.contract(view), this.names);
  }

  /** The Snapshot that answers about many things speak of: that of the first source that has one. */
  commit(): string {
    return this.model.sources().find(({ snapshot }) => snapshot !== null)?.snapshot ?? '';
  }

  async overview(): Promise<Overview> {
    const services = await this.services(this.model.services());
    const sources = this.model.sources();
    const tally = (words: readonly (string | null)[]): Record<string, number> => {
      const counts: Record<string, number> = {};
      for (const word of words) counts[word ?? 'unknown'] = (counts[word ?? 'unknown'] ?? 0) + 1;
      return counts;
    };
    const sum = (of: (service: ServiceResource) => number): number => services.reduce((total, service) => total + of(service), 0);
    const read = sources.length > 0 && sources.every(({ readAt, failure, suspended }) => readAt !== null || failure !== null || suspended);
    const missing = services.length === 0 && sources.some((source) => source.services > 0 && source.issues.length === 0);
    const looked = read && !missing && this.model.about().hostConnected;
    return {
      total: services.length,
      states: tally(services.map(({ status }) => status.state)),
      health: tally(services.map(({ status }) => status.health)),
      types: tally(services.map(({ status }) => status.type)),
      rolloutsRunning: services.filter(({ status }) => status.rollout !== null).length,
      tools: sum(({ status }) => status.tools),
      calls: sum(({ status }) => status.calls),
      errors: sum(({ status }) => status.errors),
      settled: looked && services.every(atRest),
      serving: looked && services.every((service) => atRest(service) || waits(service)),
      troubles: [
        ...sources.flatMap(({ name, failure }) => (failure === null ? [] : [{ service: `source ${name}`, message: failure }])),
        ...services.flatMap(troubleOf),
      ].slice(0, 20),
      observedCommit: this.commit(),
    };
  }
}

function atRest({ status }: ServiceResource): boolean {
  return (
    settledStates.has(status.state) && status.rollout === null && (status.state !== 'Active' || status.readyInstances >= status.replicas)
  );
}

/** Its Rollout goes on when time, data, a person or its group lets it; meanwhile stable serves. */
function waits({ status }: ServiceResource): boolean {
  const { rollout } = status;
  return rollout !== null && rollout.stable !== null && rollout.deadline === null && status.readyInstances >= status.replicas;
}

function troubleOf({ metadata, status }: ServiceResource): { service: string; message: string }[] {
  const condition = (type: string) => status.conditions.find((candidate) => candidate.type === type);
  const synced = condition('Synced');
  const drifted = condition('Drifted');
  const message =
    synced?.status === 'False' && (synced.reason === 'Rejected' || synced.reason === 'ManifestInvalid')
      ? (condition('Valid')?.status === 'False' ? condition('Valid')! : synced).message
      : status.state === 'Error'
        ? (condition('Ready')?.message ?? 'in Error')
        : drifted?.status === 'True'
          ? drifted.message
          : null;
  return message === null ? [] : [{ service: metadata.name, message }];
}
