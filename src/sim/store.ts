/**
 * The simulated Store: what has been written is what a restarted controller finds. One writer by epoch; a write is
 * whole or not at all; it can be refused (busy, full) or leave the writer in the dark about whether it happened.
 */
import type { Command, CommandKind } from '../model/command.ts';
import type { EventDraft } from '../model/event.ts';
import type { ServiceRecord } from '../model/record.ts';

export type SaveOutcome = 'saved' | 'busy' | 'full' | 'unknown' | 'stale-epoch';

export class SimStore {
  epoch = 0;
  record: ServiceRecord | null = null;
  archived: ServiceRecord | null = null;
  readonly commands: Command[] = [];
  /** Ids of every Instance that a stored Record ever named. */
  readonly instanceIds = new Set<string>();
  /** Instances created of each Revision, by hash. */
  readonly createdOf = new Map<string, number>();
  /** Events of Verdicts stored so far. */
  verdictEvents = 0;
  writes = 0;
  /** Saves that are still to be refused as busy; until when the disk is full; how the next save's answer gets lost. */
  busyLeft = 0;
  fullUntil = 0;
  nextUnknown: 'written' | 'not-written' | null = null;

  takeEpoch(): number {
    this.epoch += 1;
    return this.epoch;
  }

  save(epoch: number, record: ServiceRecord, events: readonly EventDraft[], archive: boolean, now: number): SaveOutcome {
    if (epoch !== this.epoch) return 'stale-epoch';
    if (this.busyLeft > 0) {
      this.busyLeft -= 1;
      return 'busy';
    }
    if (now < this.fullUntil) return 'full';
    const lost = this.nextUnknown;
    this.nextUnknown = null;
    if (lost !== 'not-written') this.write(record, events, archive);
    return lost === null ? 'saved' : 'unknown';
  }

  private write(record: ServiceRecord, events: readonly EventDraft[], archive: boolean): void {
    this.writes += 1;
    const before = this.record?.instances ?? [];
    if (before !== record.instances) {
      for (const { id, revision } of record.instances) {
        if (before.some((other) => other.id === id)) continue;
        this.createdOf.set(revision, (this.createdOf.get(revision) ?? 0) + 1);
        this.instanceIds.add(id);
      }
    }
    for (const { reason } of events) if (verdictReasons.has(reason)) this.verdictEvents += 1;
    this.record = archive ? null : record;
    if (archive) this.archived = record;
    else this.archived = null;
  }

  addCommand(service: string, kind: CommandKind, at: number): void {
    this.commands.push({ id: this.commands.length + 1, service, kind, uid: 1_000, at });
  }

  commandsAfter(id: number): readonly Command[] {
    return id >= this.commands.length ? noCommands : this.commands.slice(id);
  }
}

const verdictReasons = new Set(['RolloutPromoted', 'RolloutRolledBack', 'RolloutAborted', 'RolloutSuperseded']);
const noCommands: readonly Command[] = [];
