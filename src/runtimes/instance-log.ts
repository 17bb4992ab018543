/**
 * What an Instance writes to stderr (and stdout, where that is no channel): kept in `logs/<service>/<instance>.log` with
 * rotation, and its last lines in memory. A flood neither blocks the writer nor fills memory: what the disk does not take
 * in time is left out, and the log says how much.
 */
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export interface LogLimits {
  readonly maxFileBytes: number;
  /** Files kept: the one being written, `.1`, `.2` … */
  readonly maxFiles: number;
  /** Bytes that may wait for the disk. */
  readonly maxWaitingBytes: number;
}

const defaultLimits: LogLimits = { maxFileBytes: 5 << 20, maxFiles: 3, maxWaitingBytes: 1 << 20 };
const tailBytes = 2_048;

export class InstanceLog {
  readonly #path: string;
  readonly #limits: LogLimits;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #droppedBytes = 0;
  #writing: Promise<void> | null = null;
  #file: FileHandle | null = null;
  #fileBytes = 0;
  #closed = false;

  constructor(path: string, limits: Partial<LogLimits> = {}) {
    this.#path = path;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** Never blocks and never throws; what a full disk refuses is lost. */
  write(chunk: Buffer): void {
    if (this.#closed) return;
    if (this.#waitingBytes + chunk.length > this.#limits.maxWaitingBytes) {
      this.#droppedBytes += chunk.length;
    } else {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
    }
    this.#writing ??= this.#drain();
  }

  /** Writes what still waits and closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#letGo().catch(() => {});
  }

  async #drain(): Promise<void> {
    // After this turn of the event loop: a burst of small writes becomes one.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 || this.#droppedBytes > 0) {
      if (this.#droppedBytes > 0 && this.#waiting.length === 0) {
        this.#waiting.push(Buffer.from(`\n[fairlead: ${this.#droppedBytes} bytes left out, more than the disk took]\n`));
        this.#droppedBytes = 0;
      }
      const batch = Buffer.concat(this.#waiting);
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        await this.#append(batch);
      } catch {
        // A disk that is full or gone must not take the service with it; the tail in memory goes on.
        await this.#letGo().catch(() => {});
      }
    }
    this.#writing = null;
  }

  async #append(batch: Buffer): Promise<void> {
    // Removed, by hand or as one too many: what went on into it would be seen by nobody.
    if (this.#file !== null && (await this.#file.stat()).nlink === 0) await this.#letGo();
    if (this.#file !== null && this.#fileBytes > 0 && this.#fileBytes + batch.length > this.#limits.maxFileBytes) await this.#rotate();
    this.#file ??= await this.#open();
    await this.#file.appendFile(batch);
    this.#fileBytes += batch.length;
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true });
    const file = await open(this.#path, 'a', 0o600);
    this.#fileBytes = (await stat(this.#path)).size;
    return file;
  }

  async #letGo(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #rotate(): Promise<void> {
    await this.#letGo();
    for (let n = this.#limits.maxFiles - 1; n > 0; n--) {
      const from = n === 1 ? this.#path : `${this.#path}.${n - 1}`;
      await rename(from, `${this.#path}.${n}`).catch(() => {});
    }
  }
}

/** Log files of one Service that are kept, the newest; those of Instances that are long gone make way. */
const filesOfOneService = 50;

/** Never rejects. */
export async function pruneLogs(folder: string): Promise<void> {
  try {
    const names = await readdir(folder);
    if (names.length <= filesOfOneService) return;
    const paths = names.map((name) => join(folder, name));
    const ages = await Promise.all(paths.map(async (path) => ({ path, at: (await stat(path)).mtimeMs })));
    const old = ages.sort((a, b) => b.at - a.at).slice(filesOfOneService);
    await Promise.all(old.map(({ path }) => rm(path, { force: true })));
  } catch {
    // There is no such folder yet, or somebody tidies it by hand just now.
  }
}

/** The last bytes of a stream, as text that is safe to show: no terminal control, whole lines where there are any. */
export class Tail {
  #bytes: Buffer = Buffer.alloc(0);
  #cut = false;

  push(chunk: Buffer): void {
    const joined = chunk.length >= tailBytes ? chunk.subarray(-tailBytes) : Buffer.concat([this.#bytes, chunk]);
    this.#cut ||= joined.length > tailBytes || chunk.length > tailBytes;
    this.#bytes = Buffer.from(joined.subarray(-tailBytes));
  }

  text(): string {
    const text = this.#bytes.toString('utf8');
    const from = this.#cut ? text.indexOf('\n') + 1 : 0;
    // oxlint-disable-next-line no-control-regex -- taking control characters out is the purpose
    return stripVTControlCharacters(text.slice(from)).replace(/[\0-\x08\x0b-\x1f\x7f]/g, '');
  }
}
