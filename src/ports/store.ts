/**
 * What must outlive every process. One writer: each write carries the writer's epoch and fails with `StaleEpoch` when a
 * newer one has been taken. A write is durable when its promise resolves.
 */
import type { Command, CommandKind } from '../model/command.ts';
import type { Contract } from '../model/contract.ts';
import type { Event, EventDraft } from '../model/event.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Service } from '../model/service.ts';

/** All that one pass of the loop changes: one transaction. */
export interface Change {
  readonly record: ServiceRecord;
  readonly events: readonly EventDraft[];
  /** True when the service is gone: the Record moves to the archive under its name. */
  readonly archive: boolean;
}

export interface EventQuery {
  readonly service?: string;
  /** Events with a larger seq only. */
  readonly after?: number;
  /** The newest `limit`, in ascending order of seq; 1,000 at most. */
  readonly limit?: number;
}

export interface UsageDay {
  readonly service: string;
  readonly tool: string;
  /** `2026-11-20`, UTC. */
  readonly day: string;
  readonly calls: number;
  readonly errors: number;
  readonly latencySumMs: number;
}

/** How a Revision was declared, so that `rollout undo` can write it back. */
export interface RevisionSource {
  readonly service: string;
  /** Revision hash. */
  readonly revision: string;
  /** The resolved Service that it was part of. */
  readonly resolved: Service;
  /** The manifest as it was written: one YAML document. */
  readonly text: string;
  readonly at: number;
}

export interface Store {
  /** Takes a new epoch, one more than any before; the writer before is fenced out. */
  takeEpoch(): Promise<number>;
  records(): Promise<ServiceRecord[]>;
  archived(service: string): Promise<ServiceRecord | null>;
  /** Returns the Events as stored, numbered. */
  save(epoch: number, changes: readonly Change[]): Promise<Event[]>;
  /** Events that belong to no pass of the loop (sources, controller start). */
  append(epoch: number, events: readonly EventDraft[]): Promise<Event[]>;
  events(query: EventQuery): Promise<Event[]>;
  addCommand(epoch: number, command: { service: string; kind: CommandKind; uid: number; at: number }): Promise<Command>;
  /** Commands of a service with id above `after`, ascending. */
  commands(service: string, after: number): Promise<Command[]>;
  /** Keeps the newest 20 of a service. */
  saveRevisionSources(epoch: number, sources: readonly RevisionSource[]): Promise<void>;
  revisionSource(service: string, revision: string): Promise<RevisionSource | null>;
  saveContract(epoch: number, contract: Contract): Promise<void>;
  contract(hash: string): Promise<Contract | null>;
  addUsage(epoch: number, usage: readonly UsageDay[]): Promise<void>;
  usage(service: string | null, sinceDay: string): Promise<UsageDay[]>;
  /** What a Source last handed out and was compiled, and the like: survives restarts. null removes the key. */
  saveSetting(epoch: number, key: string, value: string | null): Promise<void>;
  setting(key: string): Promise<string | null>;
  /** A consistent copy of everything at `path`, while running. */
  backup(path: string): Promise<void>;
  close(): Promise<void>;
}
