/**
 * What is on disk about every process that an Instance is: `instances/<id>.json`. Written as an intention before the process
 * is made and with its pid and start time right after; removed when nothing of it is left. A Host that comes after a killed
 * one finds in it what it must end: no process without a record, no record of a ghost.
 */
import { mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirOf } from '../base/data-dir.ts';
import { sha256 } from '../base/hash.ts';

export interface ProcessRecord {
  readonly id: string;
  readonly service: string;
  /** null: about to be made. */
  readonly pid: number | null;
  /** Clock ticks between boot and start; null where the system does not say. A pid alone proves nothing: pids are used again. */
  readonly startTicks: number | null;
}

export class ProcessRecords {
  readonly #folder: string;
  /** First part of every marker of this data directory's processes, with the colon. */
  readonly markerPrefix: string;

  constructor(dataDir: string) {
    this.#folder = dataDirOf(dataDir).instances;
    mkdirSync(this.#folder, { recursive: true });
    // By its real path: the same folder reached by another name is the same folder.
    this.markerPrefix = `${sha256(realpathSync(dataDir)).slice(0, 16)}:`;
  }

  markerOf(id: string): string {
    return this.markerPrefix + id;
  }

  /** Blocks, so that nothing comes between the making of a process and its record. */
  write(record: ProcessRecord): void {
    const path = this.#pathOf(record.id);
    writeFileSync(`${path}.new`, JSON.stringify(record));
    renameSync(`${path}.new`, path);
  }

  /** Never throws: a record that stays names a process that is gone, and whoever reads it sees that by its start time. */
  remove(id: string): void {
    removeFile(this.#pathOf(id));
  }

  /** Every record that can be read; what cannot be read is removed, the marker finds its process all the same. */
  readAll(): ProcessRecord[] {
    const records: ProcessRecord[] = [];
    for (const name of readdirSync(this.#folder)) {
      const path = join(this.#folder, name);
      try {
        const record = JSON.parse(readFileSync(path, 'utf8')) as ProcessRecord;
        if (typeof record.id !== 'string' || !name.endsWith('.json')) throw new Error('not a record');
        records.push(record);
      } catch {
        removeFile(path);
      }
    }
    return records;
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

function removeFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The disk is read-only by now, or something else has this name.
  }
}
