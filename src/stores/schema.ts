/**
 * The tables, as numbered steps that only ever grow: a step that was released is never edited. The SQL is the part that
 * SQLite and PostgreSQL share: JSON as text, booleans as 0/1, instants as milliseconds in bigint, ids made by the application.
 */
export interface Migration {
  readonly version: number;
  readonly statements: readonly string[];
}

export const migrations: readonly Migration[] = [
  {
    version: 1,
    statements: [
      'create table settings (key text primary key, value text not null)',
      'create table records (service text primary key, body text not null)',
      'create table archive (service text primary key, body text not null)',
      `create table events (seq bigint primary key, service text, type text not null, reason text not null, message text not null,
         at bigint not null, revision text, snapshot text, actor text not null)`,
      'create index events_by_service on events (service, seq)',
      'create table commands (id bigint primary key, service text not null, kind text not null, uid bigint not null, at bigint not null)',
      'create index commands_by_service on commands (service, id)',
      'create table revision_sources (service text not null, revision text not null, at bigint not null, body text not null, primary key (service, revision))',
      'create table contracts (hash text primary key, seq bigint not null, body text not null)',
      'create index contracts_by_seq on contracts (seq)',
      `create table usage (service text not null, tool text not null, day text not null, calls bigint not null, errors bigint not null,
         latency_sum_ms double precision not null, primary key (service, tool, day))`,
    ],
  },
];

/** The version that this Fairlead writes. */
export function latestVersion(steps: readonly Migration[]): number {
  return steps.at(-1)?.version ?? 0;
}
