/**
 * What a Source declared of Services when somebody asked for a change of them, against what it declares by the time that the change is
 * worked out: what others did meanwhile is not undone or deleted by somebody who never saw it.
 */
import { FairleadError } from '../base/error.ts';
import type { Commits } from './commits.ts';
import type { SourceKeeper } from './source-keeper.ts';

export class AsAsked {
  readonly #source: SourceKeeper;
  readonly #commits: Commits;
  /** By Service, what stood for its declaration then. */
  readonly #then: ReadonlyMap<string, string>;

  constructor(source: SourceKeeper, services: readonly string[], commits: Commits) {
    this.#source = source;
    this.#commits = commits;
    this.#then = new Map(services.map((service) => [service, standsFor(source, service)]));
  }

  /** It was declared then, and the Source has let go of it since. */
  isGone(service: string): boolean {
    return this.#then.get(service) !== none && standsFor(this.#source, service) === none;
  }

  /** Throws Refused, with who declares what instead, when a Service is declared otherwise by now. `wanted`: `its deletion`. */
  refuseOther(service: string, wanted: string): void {
    if (this.#then.get(service) === standsFor(this.#source, service)) return;
    throw new FairleadError(
      'Refused',
      `${service} was changed since ${wanted} was asked for: ${this.#now(service)}. Nothing was written.`,
      {
        data: { next: `look at it (fairlead describe service ${service}), and ask again if that is still wanted` },
      },
    );
  }

  #now(service: string): string {
    const { name, declared } = this.#source;
    const valid = declared.service(service);
    if (valid === null) return declared.declares(service) ? 'its manifest is not valid now' : `${name} no longer declares it`;
    const { revision, origin } = valid;
    const commit = this.#commits.known.get(origin.snapshot);
    const where = commit === undefined ? origin.file : `commit ${commit.id.slice(0, 12)} (“${commit.subject}”, ${commit.author})`;
    return `${where} declares ${revision.name}`;
  }
}

const none = '';

/** Equal texts for equal declarations. */
function standsFor({ declared }: SourceKeeper, service: string): string {
  return declared.service(service)?.specHash ?? (declared.declares(service) ? 'invalid' : none);
}
