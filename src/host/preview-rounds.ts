/**
 * The checks that must pass through the preview route before a switch: the very questions that are put to an Instance, put to
 * the gateway on the way that clients of the preview go. A result belongs to one previewed Revision and is gone with it.
 */
import { FairleadError } from '../base/error.ts';
import { noTraffic, type Observation } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { Health } from '../model/service.ts';
import type { Clock } from '../ports/clock.ts';
import type { Prober } from '../ports/prober.ts';
import type { UpstreamSession } from '../ports/upstream.ts';
import { CheckRounds } from './check-rounds.ts';

export interface PreviewParts {
  readonly clock: Clock;
  readonly prober: Prober;
  /** A session through the preview route; null while there is none. */
  readonly open: () => Promise<UpstreamSession> | null;
  readonly serviceReady: (name: string) => boolean;
  readonly onChange: () => void;
}

export class PreviewRounds {
  readonly #parts: PreviewParts;
  #rounds: { readonly revision: string; readonly checks: CheckRounds } | null = null;

  constructor(parts: PreviewParts) {
    this.#parts = parts;
  }

  /** Checks what this Plan previews from now on. To be told after the gateway was. */
  follow({ service, route, previewChecks, terms }: Plan): void {
    const revision = previewChecks === null ? null : (route?.preview ?? null);
    const of = revision === null ? undefined : terms[revision];
    if (revision === null || of === undefined) return this.stop();
    const health = { ...of.health, checks: of.health.checks.filter(({ name }) => previewChecks!.includes(name)) };
    if (this.#rounds?.revision === revision) this.#rounds.checks.setHealth(health);
    else this.#begin(service, revision, health);
    if (health.checks.length > 0) this.#rounds!.checks.start();
  }

  #begin(service: string, revision: string, health: Health): void {
    this.stop();
    const { clock, prober, serviceReady, onChange } = this.#parts;
    const checks = new CheckRounds(health, {
      id: `${service}/preview`,
      clock,
      prober,
      subject: (probeLatenciesMs) => ({ session: async () => this.#session(), traffic: noTraffic, probeLatenciesMs, serviceReady }),
      onChange,
    });
    this.#rounds = { revision, checks };
  }

  results(): Observation['preview'] {
    return this.#rounds === null ? null : { revision: this.#rounds.revision, checks: this.#rounds.checks.results() };
  }

  async #session(): Promise<UpstreamSession> {
    const session = await this.#parts.open();
    if (session === null) throw new FairleadError('ServiceUnavailable', 'the gateway has no preview of it');
    return session;
  }

  stop(): void {
    this.#rounds?.checks.stop();
    this.#rounds = null;
  }
}
