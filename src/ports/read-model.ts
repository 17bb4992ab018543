/** What may be looked at: the status API and the CLI's read verbs are views of this and of nothing else. Reading changes nothing. */
import type { Contract } from '../model/contract.ts';
import type { DriftPolicy, FilesDrift } from '../model/drift.ts';
import type { Event } from '../model/event.ts';
import type { Issue } from '../model/issue.ts';
import type { Observation } from '../model/observation.ts';
import type { Provenance } from '../model/provenance.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { CommitFacts, UnmatchedPath } from '../model/snapshot.ts';
import type { SourceEvent } from './source.ts';
import type { EventQuery, UsageDay } from './store.ts';

export interface ServiceView {
  readonly record: ServiceRecord;
  /** null until the Host has said something about it. */
  readonly observation: Observation | null;
  /** Issues of its manifest now, warnings included. */
  readonly issues: readonly Issue[];
  /** The resolved spec as a manifest would write it (`spec` of get -o yaml); null when it never was valid. */
  readonly spec: Readonly<Record<string, unknown>> | null;
  /** What is known of commits, by id; also of other services'. */
  readonly commits: ReadonlyMap<string, CommitFacts>;
}

export interface SourceView {
  readonly name: string;
  readonly kind: 'folder' | 'git';
  readonly location: string;
  readonly snapshot: string | null;
  /** What that commit says; null for a folder. */
  readonly commit: CommitFacts | null;
  /** Why the newest that there is was not taken, while that stands. */
  readonly refused: SourceEvent | null;
  /** Paths that it is to look into and that its Snapshot has nothing at. */
  readonly unmatchedPaths: readonly UnmatchedPath[];
  readonly driftPolicy: DriftPolicy;
  /** Files that it laid out and that are others now. */
  readonly drift: FilesDrift | null;
  readonly readAt: number | null;
  readonly suspended: boolean;
  /** Set while the source cannot be read. */
  readonly failure: string | null;
  /** Set while the prune guard holds deletions: the names it holds. */
  readonly pruneHeld: readonly string[];
  /** Services that it declares, those whose manifests are not valid too. */
  readonly services: number;
  readonly issues: readonly Issue[];
}

export interface About {
  readonly version: string;
  readonly dataDir: string;
  readonly adminSocket: string;
  readonly gatewayUrl: string;
  readonly statusUrl: string;
  /** Below it, by the name of a Source, deliveries are taken; null while no webhook is configured. */
  readonly webhooksUrl: string | null;
  readonly startedAt: number;
  readonly epoch: number;
  readonly hostConnected: boolean;
  readonly pids: { readonly supervisor: number | null; readonly controller: number; readonly host: number | null };
}

export interface ReadModel {
  about(): About;
  /** Sorted by name. */
  services(): readonly ServiceView[];
  service(name: string): ServiceView | null;
  sources(): readonly SourceView[];
  events(query: EventQuery): Promise<Event[]>;
  contract(hash: string): Promise<Contract | null>;
  usage(service: string | null, sinceDay: string): Promise<UsageDay[]>;
  /** Every Event from now on, after it was stored; returns how to stop listening. */
  onEvent(callback: (event: Event) => void): () => void;
  /** A service's view changed. */
  onChange(callback: (service: string) => void): () => void;
  /** The winning value and those it overrode, with their places, of every resolved field (or of one, `spec.limits.memory`). */
  explain(service: string, field: string | null): Promise<readonly Provenance[]>;
}
