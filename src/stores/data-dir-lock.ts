/**
 * One owner of a data directory at a time: who runs on it, or who puts a backup in its place. The lock is the kernel's (by way
 * of an empty SQLite file), so it goes with the process that holds it, however that ends.
 */
import { DatabaseSync } from 'node:sqlite';
import { FairleadError } from '../base/error.ts';
import { storeError } from './sqlite-file.ts';

/** Holds the folder, which must be there, until the answer is called. Throws StoreLocked when somebody else does. */
export function holdDataDir(root: string): () => void {
  let lock: DatabaseSync | null = null;
  try {
    lock = new DatabaseSync(`${root}/lock`, { timeout: 0 });
    lock.exec('begin exclusive');
    return () => lock!.close();
  } catch (thrown) {
    lock?.close();
    const error = storeError(thrown, `${root}/lock`);
    if (error.code !== 'StoreLocked') throw error;
    throw new FairleadError('StoreLocked', `Fairlead runs on ${root} already, or a backup is being restored there.`, {
      cause: thrown,
      data: { dataDir: root },
    });
  }
}
