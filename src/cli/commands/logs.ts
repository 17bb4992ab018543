/** `logs`: what the Instances of a service wrote, from the files in the data directory, over rotations; `-f` goes on. */
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { dataDirOf } from '../../base/data-dir.ts';
import { FairleadError } from '../../base/error.ts';
import type { Context } from '../context.ts';
import { usage } from '../errors.ts';

interface Options {
  readonly follow?: true;
  readonly instance?: string;
  readonly tail?: number;
}

/** A watcher may miss a change on some file systems: look again at least this often. */
const lookAgainMs = 500;
const fileName = /^(?<instance>[A-Za-z0-9._-]+?)\.log(?:\.(?<age>\d+))?$/;

export async function logs(context: Context, service: string, options: Options): Promise<number> {
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(service))
    throw usage(`${JSON.stringify(service)} is not the name of a service.`, 'fairlead get services');
  const folder = join(dataDirOf(await context.dataDir()).logs, service);
  const files = logFiles(folder, options.instance);
  if (files.length === 0 && !options.follow)
    throw new FairleadError('NotFound', `There are no logs of ${options.instance ?? service} in ${folder}.`, {
      data: { next: 'a service that wrote nothing has none; logs are on the machine that runs it (see --data-dir)' },
    });
  const several = new Set(files.map(({ instance }) => instance)).size > 1;
  const print = (instance: string, line: string): void => {
    const shown = context.terminal.interactive ? stripVTControlCharacters(line) : line;
    context.terminal.out(`${several ? context.terminal.paint.dim(`${instance} | `) : ''}${shown}\n`);
  };
  const tails = new Map<string, LogTail>();
  const lines: { instance: string; line: string }[] = [];
  for (const { instance, path, age } of files) {
    const tail = new LogTail(path);
    for (const line of tail.read()) lines.push({ instance, line });
    if (age === 0 && options.follow) tails.set(path, tail);
    else {
      const rest = tail.close();
      if (rest !== '') lines.push({ instance, line: rest });
    }
  }
  for (const { instance, line } of options.tail === undefined ? lines : lines.slice(-options.tail)) print(instance, line);
  if (options.follow) await followFolder(context, folder, options.instance, tails, print);
  return 0;
}

/** Prints what is appended to any log of the folder, those of new Instances included, until the terminal's signal. */
async function followFolder(
  context: Context,
  folder: string,
  only: string | undefined,
  tails: Map<string, LogTail>,
  print: (instance: string, line: string) => void,
): Promise<void> {
  const { signal } = context.terminal;
  const look = (): void => {
    for (const { instance, path, age } of logFiles(folder, only)) {
      if (age !== 0) continue;
      let tail = tails.get(path);
      if (tail === undefined) tails.set(path, (tail = new LogTail(path)));
      for (const line of tail.read()) print(instance, line);
    }
  };
  await new Promise<void>((resolve) => {
    const timer = setInterval(look, lookAgainMs);
    const watcher = statSync(folder, { throwIfNoEntry: false }) === undefined ? null : watch(folder, look);
    watcher?.on('error', () => watcher.close());
    const end = (): void => {
      clearInterval(timer);
      watcher?.close();
      for (const tail of tails.values()) tail.close();
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

interface LogFile {
  readonly instance: string;
  readonly path: string;
  /** 0: being written; larger: rotated longer ago. */
  readonly age: number;
}

/** Oldest first: Instances by when they last wrote, and of each the rotated files before the one being written. */
function logFiles(folder: string, only: string | undefined): LogFile[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const found = names.flatMap((name): (LogFile & { at: number })[] => {
    const { instance, age = '0' } = fileName.exec(name)?.groups ?? {};
    if (instance === undefined || (only !== undefined && instance !== only)) return [];
    const path = join(folder, basename(name));
    return [{ instance, path, age: Number(age), at: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }];
  });
  const latest = new Map<string, number>();
  for (const { instance, at } of found) latest.set(instance, Math.max(at, latest.get(instance) ?? 0));
  return found.sort(
    (a, b) =>
      latest.get(a.instance)! - latest.get(b.instance)! || (a.instance < b.instance ? -1 : a.instance > b.instance ? 1 : b.age - a.age),
  );
}

/** The end of one growing file. A file that was renamed away is read to its end before the new one of its name is opened. */
class LogTail {
  readonly #path: string;
  #descriptor: number | null = null;
  #offset = 0;
  #partial = '';
  #decoder = new StringDecoder('utf8');

  constructor(path: string) {
    this.#path = path;
  }

  /** Whole lines since the last time. */
  read(): string[] {
    const lines: string[] = [];
    for (;;) {
      this.#descriptor ??= open(this.#path);
      if (this.#descriptor === null) return lines;
      lines.push(...this.#rest());
      const now = statSync(this.#path, { throwIfNoEntry: false });
      const own = fstatSync(this.#descriptor);
      if (now === undefined || now.ino === own.ino) {
        // Truncated in place: what was read is gone, what comes is new.
        if (own.size < this.#offset) this.#offset = 0;
        return lines;
      }
      lines.push(...this.#rest());
      const partial = this.close();
      if (partial !== '') lines.push(partial);
    }
  }

  /** Gives the file back; returns a last line that had no newline. */
  close(): string {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    const partial = this.#partial + this.#decoder.end();
    this.#descriptor = null;
    this.#offset = 0;
    this.#partial = '';
    this.#decoder = new StringDecoder('utf8');
    return partial;
  }

  #rest(): string[] {
    const buffer = Buffer.allocUnsafe(65_536);
    const lines: string[] = [];
    for (;;) {
      const length = readSync(this.#descriptor!, buffer, 0, buffer.length, this.#offset);
      if (length === 0) return lines;
      this.#offset += length;
      const parts = (this.#partial + this.#decoder.write(buffer.subarray(0, length))).split('\n');
      this.#partial = parts.pop()!;
      for (const part of parts) lines.push(part);
    }
  }
}

function open(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch {
    return null;
  }
}
