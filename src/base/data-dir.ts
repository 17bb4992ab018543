/** Where everything lies in a data directory, by name: no file is touched here. */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { sha256 } from './hash.ts';

export interface DataDir {
  readonly root: string;
  readonly database: string;
  readonly adminSocket: string;
  readonly hostSocket: string;
  /** Who runs and where: pids and URLs, as JSON. */
  readonly runFile: string;
  /** `<logs>/<service>/<instance>.log`, and the processes' own. */
  readonly logs: string;
  /** `<id>.json`: pid and start time of each process that an Instance is. */
  readonly instances: string;
  /** `<sources>/<name>/`: what a git Source has fetched, and its files laid out. */
  readonly sources: string;
  /** `<work>/<instance>/`: `${instance.dir}`. */
  readonly work: string;
}

/** The longest path that every system binds a socket to (sun_path is 104 bytes on macOS, 108 on Linux). */
const longestSocketPath = 100;

export function dataDirOf(path: string): DataDir {
  const root = resolve(path);
  return {
    root,
    database: join(root, 'fairlead.db'),
    adminSocket: socketPath(root, 'admin'),
    hostSocket: socketPath(root, 'host'),
    runFile: join(root, 'run.json'),
    logs: join(root, 'logs'),
    instances: join(root, 'instances'),
    sources: join(root, 'sources'),
    work: join(root, 'work'),
  };
}

/** A socket in the data directory, or in the system's temporary folder under a name that only this data directory has. */
function socketPath(root: string, name: string): string {
  const path = join(root, `${name}.sock`);
  if (Buffer.byteLength(path) <= longestSocketPath) return path;
  return join(tmpdir(), `fairlead-${sha256(root).slice(0, 16)}-${name}.sock`);
}
