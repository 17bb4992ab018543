/**
 * The logs of services that are gone: kept for whoever asks what was wrong with them, until thirty days after they were last
 * written, and of the hundred services that wrote last. They are removed file by file, as they were found: a service of that name
 * that begins again meanwhile loses nothing of what it writes.
 */
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../ports/clock.ts';

export interface GoneLogsParts {
  /** `<folder>/<service>/<instance>.log`. */
  readonly folder: string;
  /** Whether there is a service of that name, whatever it does or does not do. */
  readonly isThere: (service: string) => boolean;
  readonly clock: Clock;
}

interface ServiceLogs {
  readonly service: string;
  readonly files: readonly string[];
  /** When something was last written, in milliseconds since the epoch. */
  readonly at: number;
}

const lookEveryMs = 600_000;
const keptMs = 30 * 86_400_000;
const mostServices = 100;

/** Looks after ten minutes, when it is known what there is, and every ten minutes from then on. */
export class GoneLogs {
  readonly #parts: GoneLogsParts;
  #looking: Promise<void> = Promise.resolve();
  #cancel: () => void;

  constructor(parts: GoneLogsParts) {
    this.#parts = parts;
    this.#cancel = this.#lookLater();
  }

  /** Resolves once nothing is being removed. */
  async close(): Promise<void> {
    this.#cancel();
    await this.#looking;
  }

  #lookLater(): () => void {
    return this.#parts.clock.after(lookEveryMs, () => {
      this.#cancel = this.#lookLater();
      this.#looking = this.#looking.then(async () => this.#look());
    });
  }

  async #look(): Promise<void> {
    const { folder, isThere, clock } = this.#parts;
    const gone = (await foldersIn(folder)).filter((service) => !isThere(service));
    const found = (await Promise.all(gone.map(async (service) => logsOf(folder, service)))).flat();
    const old = found.sort((a, b) => b.at - a.at).filter(({ at }, index) => index >= mostServices || clock.now() - at > keptMs);
    for (const logs of old) if (!isThere(logs.service)) await remove(folder, logs);
  }
}

/** None where there is no such folder (yet). */
async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Empty when somebody removes them by hand just now. */
async function logsOf(folder: string, service: string): Promise<ServiceLogs[]> {
  try {
    const files = await readdir(join(folder, service));
    const times = await Promise.all(['.', ...files].map(async (file) => (await stat(join(folder, service, file))).mtimeMs));
    return [{ service, files, at: Math.max(...times) }];
  } catch {
    return [];
  }
}

/** What cannot be removed stays, and keeps its folder. */
async function remove(folder: string, { service, files }: ServiceLogs): Promise<void> {
  try {
    for (const file of files) await rm(join(folder, service, file), { force: true });
    await rmdir(join(folder, service));
  } catch {
    // Somebody has put something else there, or a service writes there again.
  }
}
