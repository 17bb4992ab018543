/**
 * Putting a backup in the place of a database that nobody has open. The backup is checked first, the database that was
 * there is kept beside the new one, and at no moment is the name without a whole database or its damaged predecessor.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { FairleadError } from '../base/error.ts';
import { migrations, type Migration } from './schema.ts';
import { inspectFile, openFile, ownerOnly, removeFile, storeError } from './sqlite-file.ts';

/**
 * Puts a copy of `backup` in the place of the database at `path` and returns where the one before is now; null when there
 * was none. Throws StoreLocked while something has it open, StoreDamaged or StoreTooNew for the backup, NotFound without one.
 */
export function restoreSqlite(path: string, backup: string, steps: readonly Migration[] = migrations): string | null {
  if (!existsSync(backup)) throw new FairleadError('NotFound', `There is no file ${backup}.`);
  inspectFile(backup, steps);
  settle(path, steps);
  const fresh = `${path}.restore-${process.pid}`;
  try {
    removeFile(fresh);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    copyFileSync(backup, fresh, constants.COPYFILE_EXCL);
    chmodSync(fresh, ownerOnly);
    flush(fresh);
    const aside = setAside(path);
    renameSync(fresh, path);
    flush(dirname(path));
    return aside;
  } catch (thrown) {
    throw storeError(thrown, path);
  } finally {
    rmSync(fresh, { force: true });
  }
}

/** Opens and closes the database once, which writes its log into it; a damaged one is left as it is. */
function settle(path: string, steps: readonly Migration[]): void {
  if (!existsSync(path)) return;
  try {
    openFile(path, steps).close();
  } catch (thrown) {
    if (thrown instanceof FairleadError && (thrown.code === 'StoreDamaged' || thrown.code === 'StoreTooNew')) return;
    throw thrown;
  }
}

/** A second name for the database, and its log (of a damaged one) moved away: left there, it would be read into the new one. */
function setAside(path: string): string | null {
  if (!existsSync(path) && !existsSync(`${path}-wal`)) return null;
  let number = 1;
  while (existsSync(`${path}.before-restore-${number}`) || existsSync(`${path}.before-restore-${number}-wal`)) number += 1;
  const aside = `${path}.before-restore-${number}`;
  if (existsSync(path)) linkSync(path, aside);
  for (const suffix of ['-wal', '-journal']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  rmSync(`${path}-shm`, { force: true });
  return aside;
}

function flush(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
