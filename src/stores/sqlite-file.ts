/**
 * A SQLite database file as Fairlead keeps it: WAL, durable on commit, open in one process at a time. Opening checks that
 * the file is whole and ours; it never creates one over something that was there. A new file appears under its name only
 * when it is complete, so that an empty or missing file beside a write-ahead log is damage, not a fresh start.
 */
import { DatabaseSync } from 'node:sqlite';
import { chmodSync, closeSync, existsSync, linkSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { FairleadError, messageOf } from '../base/error.ts';
import { latestVersion, type Migration } from './schema.ts';

/** `FrLd` in the header of every Fairlead database. */
const applicationId = 0x46724c64;
/** Mode of every file with a database in it. */
export const ownerOnly = 0o600;
/** Result codes of sqlite.org/rescode.html, low byte. */
const busy = 5;
const locked = 6;
const corrupt = 11;
const full = 13;
const notADatabase = 26;

/** An error of the database as FairleadError: StoreLocked, StoreDamaged, DiskFull, or StoreFailed for all else. */
export function storeError(thrown: unknown, path: string): FairleadError {
  if (thrown instanceof FairleadError) return thrown;
  const result = ((thrown as { errcode?: number }).errcode ?? 0) & 0xff;
  const because = { cause: thrown, data: { path } };
  if (result === busy || result === locked) return new FairleadError('StoreLocked', `${path} is open in another process.`, because);
  if (result === corrupt || result === notADatabase)
    return new FairleadError('StoreDamaged', `${path} is damaged: ${messageOf(thrown)}.`, because);
  if (result === full || (thrown as { code?: string }).code === 'ENOSPC')
    return new FairleadError('DiskFull', `No room left to write ${path}.`, because);
  return new FairleadError('StoreFailed', `${path}: ${messageOf(thrown)}.`, because);
}

/**
 * Opens the database at `path`, creating it when there is none, and brings it to the latest version.
 * Throws StoreLocked, StoreDamaged, StoreTooNew, DiskFull or StoreFailed; the file is then as it was.
 */
export function openFile(path: string, steps: readonly Migration[]): DatabaseSync {
  try {
    if (!existsSync(path)) create(path, steps);
    checkHeader(path);
    const database = connect(path);
    try {
      checkContent(database, path, latestVersion(steps));
      migrate(database, steps);
      return database;
    } catch (thrown) {
      database.close();
      throw thrown;
    }
  } catch (thrown) {
    throw storeError(thrown, path);
  }
}

/** Runs `work` in one transaction: all of it is durable when this returns, nothing of it when it throws. */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec('begin immediate');
  try {
    const result = work();
    database.exec('commit');
    return result;
  } catch (thrown) {
    // A full disk may already have rolled back by itself.
    if (database.isTransaction) database.exec('rollback');
    throw thrown;
  }
}

/** Looks at a database file that nobody has open: throws StoreDamaged, StoreTooNew or StoreLocked unless it could be opened. */
export function inspectFile(path: string, steps: readonly Migration[]): void {
  try {
    checkHeader(path);
    const database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    try {
      checkContent(database, path, latestVersion(steps));
    } finally {
      database.close();
    }
  } catch (thrown) {
    throw storeError(thrown, path);
  }
}

function connect(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Exclusive before the first access: the lock is then held until close, and no shared-memory file is needed.
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on');
    transact(database, () => database.exec('pragma user_version'));
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** Reads the first 100 bytes (sqlite.org/fileformat.html) before SQLite may write to what is not ours. */
function checkHeader(path: string): void {
  const header = Buffer.alloc(100);
  const descriptor = openSync(path, 'r');
  try {
    const length = readSync(descriptor, header, 0, header.length, 0);
    const problem =
      length < header.length
        ? `is cut off after ${length} bytes`
        : header.toString('latin1', 0, 16) !== 'SQLite format 3\0'
          ? 'is not a database'
          : header.readUInt32BE(68) !== applicationId
            ? "is a database, but not one of Fairlead's"
            : null;
    if (problem !== null) throw new FairleadError('StoreDamaged', `${path} ${problem}.`, { data: { path } });
  } finally {
    closeSync(descriptor);
  }
}

function checkContent(database: DatabaseSync, path: string, newest: number): void {
  const problems = database.prepare('pragma quick_check(5)').all();
  if (problems[0]?.['quick_check'] !== 'ok') {
    const first = String(problems[0]?.['quick_check'] ?? 'it cannot be read');
    throw new FairleadError('StoreDamaged', `${path} is damaged: ${first}.`, { data: { path } });
  }
  const version = versionOf(database);
  if (version > newest)
    throw new FairleadError('StoreTooNew', `${path} has version ${version}; this Fairlead knows versions up to ${newest}.`, {
      data: { path, version, newest },
    });
}

function migrate(database: DatabaseSync, steps: readonly Migration[]): void {
  const version = versionOf(database);
  for (const step of steps) {
    if (step.version <= version) continue;
    transact(database, () => {
      for (const statement of step.statements) database.exec(statement);
      database.exec(`pragma user_version = ${step.version}`);
    });
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('pragma user_version').get()!['user_version']);
}

/** Makes a whole, empty database beside `path` and links it to its name; the loser of a race finds the winner's file. */
function create(path: string, steps: readonly Migration[]): void {
  if (existsSync(`${path}-wal`))
    throw new FairleadError('StoreDamaged', `${path} is gone, but ${path}-wal with its last writes is still there.`, { data: { path } });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.new-${process.pid}`;
  removeFile(fresh);
  const database = connect(fresh);
  // Manifests may hold what only their owner may read. SQLite gives the log the mode of its database.
  chmodSync(fresh, ownerOnly);
  database.exec(`pragma application_id = ${applicationId}`);
  migrate(database, steps);
  database.close();
  try {
    linkSync(fresh, path);
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== 'EEXIST') throw thrown;
  } finally {
    removeFile(fresh);
  }
}

/** Removes a database with its log; fine when it is not there. */
export function removeFile(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}
