/**
 * The embedded store: one SQLite file, one process, one writer. Every write is one transaction that begins by checking the
 * epoch and is durable when it returns. SQL as PostgreSQL would take it, but for the placeholders.
 */
import { chmodSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Command, CommandKind } from '../model/command.ts';
import type { Contract } from '../model/contract.ts';
import type { Event, EventDraft } from '../model/event.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Change, EventQuery, RevisionSource, Store, UsageDay } from '../ports/store.ts';
import { FairleadError } from '../base/error.ts';
import { contractsInAll, eventsInAll, eventsOfOneQuery, eventsOfOneService, pruneEvery, revisionSourcesOfOneService } from './bounds.ts';
import { migrations, type Migration } from './schema.ts';
import { openFile, ownerOnly, removeFile, storeError, transact } from './sqlite-file.ts';

type Row = Record<string, unknown>;

/** Opens the store at `path`. Throws StoreLocked, StoreDamaged, StoreTooNew, DiskFull or StoreFailed. */
export function openSqliteStore(path: string, steps: readonly Migration[] = migrations, mostContracts = contractsInAll): Store {
  return new SqliteStore(openFile(path, steps), path, mostContracts);
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #mostContracts: number;
  readonly #statements = new Map<string, StatementSync>();
  #lastSeq: number;
  #sincePrune = pruneEvery;

  constructor(database: DatabaseSync, path: string, mostContracts: number) {
    this.#database = database;
    this.#path = path;
    this.#mostContracts = mostContracts;
    this.#lastSeq = Number(this.#one('select max(seq) as seq from events')?.['seq'] ?? 0);
  }

  async takeEpoch(): Promise<number> {
    return this.#guard(() =>
      transact(this.#database, () => {
        const epoch = Number(this.#settingOf('epoch') ?? 0) + 1;
        this.#setSetting('epoch', String(epoch));
        return epoch;
      }),
    );
  }

  async records(): Promise<ServiceRecord[]> {
    return this.#guard(() => this.#all('select body from records order by service').map((row) => parse<ServiceRecord>(row)));
  }

  async archived(service: string): Promise<ServiceRecord | null> {
    return this.#guard(() => parseOrNull<ServiceRecord>(this.#one('select body from archive where service = ?', service)));
  }

  async save(epoch: number, changes: readonly Change[]): Promise<Event[]> {
    const events = this.#write(epoch, () => {
      const stored: Event[] = [];
      for (const change of changes) {
        this.#saveRecord(change);
        for (const draft of change.events) stored.push(this.#insertEvent(draft, this.#lastSeq + stored.length + 1));
      }
      return stored;
    });
    return this.#numbered(events);
  }

  async append(epoch: number, drafts: readonly EventDraft[]): Promise<Event[]> {
    const events = this.#write(epoch, () => drafts.map((draft, index) => this.#insertEvent(draft, this.#lastSeq + index + 1)));
    return this.#numbered(events);
  }

  async events(query: EventQuery): Promise<Event[]> {
    const limit = Math.min(query.limit ?? eventsOfOneQuery, eventsOfOneQuery);
    const after = query.after ?? 0;
    return this.#guard(() => {
      const rows =
        query.service === undefined
          ? this.#all('select * from events where seq > ? order by seq desc limit ?', after, limit)
          : this.#all('select * from events where service = ? and seq > ? order by seq desc limit ?', query.service, after, limit);
      return rows.reverse().map((row) => ({ ...row }) as unknown as Event);
    });
  }

  async addCommand(epoch: number, command: { service: string; kind: CommandKind; uid: number; at: number }): Promise<Command> {
    return this.#write(epoch, () => {
      // Taken Commands are deleted, so the highest id lives in a setting: an id must not come twice.
      const id = Number(this.#settingOf('commandId') ?? 0) + 1;
      this.#setSetting('commandId', String(id));
      const { service, kind, uid, at } = command;
      this.#run('insert into commands (id, service, kind, uid, at) values (?, ?, ?, ?, ?)', id, service, kind, uid, at);
      return { id, service, kind, uid, at };
    });
  }

  async commands(service: string, after: number): Promise<Command[]> {
    return this.#guard(() =>
      this.#all('select id, service, kind, uid, at from commands where service = ? and id > ? order by id', service, after).map(
        (row) => ({ ...row }) as unknown as Command,
      ),
    );
  }

  async saveRevisionSources(epoch: number, sources: readonly RevisionSource[]): Promise<void> {
    this.#write(epoch, () => {
      for (const source of sources) {
        this.#run(
          `insert into revision_sources (service, revision, at, body) values (?, ?, ?, ?)
           on conflict (service, revision) do update set at = excluded.at, body = excluded.body`,
          source.service,
          source.revision,
          source.at,
          JSON.stringify(source),
        );
        this.#run(
          `delete from revision_sources where service = ? and revision not in
           (select revision from revision_sources where service = ? order by at desc, revision limit ?)`,
          source.service,
          source.service,
          revisionSourcesOfOneService,
        );
      }
    });
  }

  async revisionSource(service: string, revision: string): Promise<RevisionSource | null> {
    return this.#guard(() =>
      parseOrNull<RevisionSource>(this.#one('select body from revision_sources where service = ? and revision = ?', service, revision)),
    );
  }

  async saveContract(epoch: number, contract: Contract): Promise<void> {
    this.#write(epoch, () => {
      const seq = Number(this.#one('select max(seq) as seq from contracts')?.['seq'] ?? 0) + 1;
      const body = JSON.stringify(contract);
      this.#run('insert into contracts (hash, seq, body) values (?, ?, ?) on conflict (hash) do nothing', contract.hash, seq, body);
      for (const { hash } of this.#all('select hash from contracts where seq <= ? order by seq', seq - this.#mostContracts)) {
        const named = this.#one('select service from records where body like ? limit 1', `%"${String(hash)}"%`) !== undefined;
        // Into a new turn: as long as a Record names it, Rollouts are held against it.
        if (named) this.#run('update contracts set seq = ? where hash = ?', seq, String(hash));
        else this.#run('delete from contracts where hash = ?', String(hash));
      }
    });
  }

  async contract(hash: string): Promise<Contract | null> {
    return this.#guard(() => parseOrNull<Contract>(this.#one('select body from contracts where hash = ?', hash)));
  }

  async addUsage(epoch: number, usage: readonly UsageDay[]): Promise<void> {
    this.#write(epoch, () => {
      for (const day of usage) {
        this.#run(
          `insert into usage (service, tool, day, calls, errors, latency_sum_ms) values (?, ?, ?, ?, ?, ?)
           on conflict (service, tool, day) do update set calls = usage.calls + excluded.calls,
           errors = usage.errors + excluded.errors, latency_sum_ms = usage.latency_sum_ms + excluded.latency_sum_ms`,
          day.service,
          day.tool,
          day.day,
          day.calls,
          day.errors,
          day.latencySumMs,
        );
      }
    });
  }

  async usage(service: string | null, sinceDay: string): Promise<UsageDay[]> {
    const select = 'select service, tool, day, calls, errors, latency_sum_ms from usage where day >= ?';
    return this.#guard(() => {
      const rows =
        service === null
          ? this.#all(`${select} order by day, service, tool`, sinceDay)
          : this.#all(`${select} and service = ? order by day, service, tool`, sinceDay, service);
      return rows.map(({ latency_sum_ms: latencySumMs, ...rest }) => ({ ...rest, latencySumMs }) as unknown as UsageDay);
    });
  }

  async saveSetting(epoch: number, key: string, value: string | null): Promise<void> {
    this.#write(epoch, () =>
      value === null ? this.#run('delete from settings where key = ?', `user:${key}`) : this.#setSetting(`user:${key}`, value),
    );
  }

  async setting(key: string): Promise<string | null> {
    return this.#guard(() => this.#settingOf(`user:${key}`));
  }

  async backup(path: string): Promise<void> {
    this.#guard(() => {
      try {
        this.#run('vacuum into ?', path);
        chmodSync(path, ownerOnly);
      } catch (thrown) {
        const message = (thrown as Error).message;
        if (message.includes('already exists')) throw new FairleadError('Refused', `${path} is there already; name a new file.`);
        removeFile(path);
        throw thrown;
      }
    });
  }

  async close(): Promise<void> {
    if (!this.#database.isOpen) return;
    this.#statements.clear();
    this.#guard(() => this.#database.close());
  }

  #saveRecord(change: Change): void {
    const { record } = change;
    const body = JSON.stringify(record);
    const upsert = 'on conflict (service) do update set body = excluded.body';
    if (change.archive) {
      this.#run('delete from records where service = ?', record.service);
      this.#run(`insert into archive (service, body) values (?, ?) ${upsert}`, record.service, body);
    } else {
      this.#run(`insert into records (service, body) values (?, ?) ${upsert}`, record.service, body);
      this.#run('delete from archive where service = ?', record.service);
    }
    this.#run('delete from commands where service = ? and (id <= ? or ? = 1)', record.service, record.commandId, change.archive ? 1 : 0);
  }

  #insertEvent(draft: EventDraft, seq: number): Event {
    const { service, type, reason, message, at, revision, snapshot, actor } = draft;
    this.#run(
      'insert into events (seq, service, type, reason, message, at, revision, snapshot, actor) values (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      seq,
      service,
      type,
      reason,
      message,
      at,
      revision,
      snapshot,
      actor,
    );
    return { seq, service, type, reason, message, at, revision, snapshot, actor };
  }

  /** Takes the numbers of Events that are now durable; a transaction that failed takes none. */
  #numbered(events: Event[]): Event[] {
    this.#lastSeq += events.length;
    this.#sincePrune += events.length;
    return events;
  }

  #pruneEvents(): void {
    this.#run(
      `delete from events where seq in (select seq from
         (select seq, row_number() over (partition by service order by seq desc) as age from events) as aged where age > ?)`,
      eventsOfOneService,
    );
    this.#run('delete from events where seq <= coalesce((select seq from events order by seq desc limit 1 offset ?), 0)', eventsInAll);
  }

  /** One durable transaction of the writer that holds `epoch`. */
  #write<T>(epoch: number, work: () => T): T {
    return this.#guard(() =>
      transact(this.#database, () => {
        const current = Number(this.#settingOf('epoch') ?? 0);
        if (epoch !== current)
          throw new FairleadError('StaleEpoch', `Epoch ${epoch} was followed by ${current}.`, { data: { epoch, current } });
        const result = work();
        if (this.#sincePrune >= pruneEvery) {
          this.#pruneEvents();
          this.#sincePrune = 0;
        }
        return result;
      }),
    );
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      throw storeError(thrown, this.#path);
    }
  }

  #settingOf(key: string): string | null {
    return (this.#one('select value from settings where key = ?', key)?.['value'] as string | undefined) ?? null;
  }

  #setSetting(key: string, value: string): void {
    this.#run('insert into settings (key, value) values (?, ?) on conflict (key) do update set value = excluded.value', key, value);
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepared(sql).run(...values);
  }

  #one(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values);
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function parse<T>(row: Row): T {
  return JSON.parse(row['body'] as string) as T;
}

function parseOrNull<T>(row: Row | undefined): T | null {
  return row === undefined ? null : parse<T>(row);
}
