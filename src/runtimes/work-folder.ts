/** The folder of one Instance: what `${instance.dir}` stands for. It comes and goes with the Instance. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirOf } from '../base/data-dir.ts';

export function workFolderOf(dataDir: string, id: string): string {
  return join(dataDirOf(dataDir).work, id);
}

/** Never throws: what a service has made impossible to remove stays, and is nobody else's trouble. */
export function removeWorkFolder(dataDir: string, id: string): void {
  try {
    rmSync(workFolderOf(dataDir, id), { recursive: true, force: true });
  } catch {
    // Something is mounted in it, or belongs to another user.
  }
}
