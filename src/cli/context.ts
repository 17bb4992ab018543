/**
 * What every verb gets: the terminal, the global flags, and the ways to the controller, opened only when asked for.
 * Reading goes over the status API; operating over the admin socket, which is found beside the manifests or by asking.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { FairleadError } from '../base/error.ts';
import type { MaxDeletions } from '../manifest/prune.ts';
import type { SourceSettings, WebhookSettings } from '../model/source-settings.ts';
import type { Admin } from '../ports/admin.ts';
import type { About } from '../ports/read-model.ts';
import { ApiClient } from './client.ts';
import type { Terminal } from './terminal.ts';

export const defaultServer = 'http://127.0.0.1:7401';

/** Admin as a client sees it: who calls is read from the socket, not said. */
type Unsigned<Method> = Method extends (...args: [...infer Args, number]) => infer Result ? (...args: Args) => Result : Method;
export type AdminClient = { readonly [Name in keyof Admin]: Unsigned<Admin[Name]> };

/** What `up` hands to the supervisor. Listeners are `{host, port}`; port 0 lets the system choose. */
export interface UpSettings {
  /** At least one, each with a name of its own. */
  readonly sources: readonly SourceSettings[];
  readonly dataDir: string;
  readonly gateway: { readonly host: string; readonly port: number };
  readonly status: { readonly host: string; readonly port: number };
  /** What the prune guard lets go at once; its own default when left out. */
  readonly maxDeletions?: MaxDeletions;
  /** Where forges tell of pushes; off when left out. */
  readonly webhooks?: WebhookSettings;
}

export type SupervisorEvent =
  | { readonly kind: 'started'; readonly process: 'controller' | 'host'; readonly pid: number }
  | { readonly kind: 'ready'; readonly gatewayUrl: string; readonly statusUrl: string }
  | { readonly kind: 'exited'; readonly process: 'controller' | 'host'; readonly reason: string; readonly restartInMs: number | null };

export interface Supervision {
  /** Drains and stops; resolves when both processes are gone. Called again: at once. */
  stop(): Promise<void>;
  /** Resolves with the exit code when it is over, however that came. */
  readonly ended: Promise<number>;
}

/** The floors above, given by the composition root. */
export interface Parts {
  supervise(settings: UpSettings, onEvent: (event: SupervisorEvent) => void): Promise<Supervision>;
  connectAdmin(socketPath: string): Promise<AdminClient>;
}

export interface Globals {
  readonly server?: string;
  readonly dataDir?: string;
}

interface RunFile {
  readonly statusUrl?: string;
  readonly adminSocket?: string;
}

export class Context {
  readonly terminal: Terminal;
  readonly parts: Parts;
  private readonly globals: Globals;
  private client: ApiClient | null = null;

  constructor(terminal: Terminal, parts: Parts, globals: Globals) {
    this.terminal = terminal;
    this.parts = parts;
    this.globals = globals;
  }

  /**
   * The status API: --server, FAIRLEAD_SERVER, the running one of the data directory, or the default address. Throws
   * Unreachable when a data directory is named and nothing runs on it: another controller is not what was meant.
   */
  api(): ApiClient {
    this.client ??= new ApiClient(this.globals.server ?? this.terminal.env['FAIRLEAD_SERVER'] ?? this.localServer());
    return this.client;
  }

  private localServer(): string {
    const url = this.runFile()?.statusUrl;
    if (typeof url === 'string') return url;
    const named = this.namedDataDir();
    if (named === null) return defaultServer;
    throw new FairleadError('Unreachable', `Nothing runs on the data directory ${named}.`);
  }

  /** The admin socket of the same controller. Throws Unreachable when there is none. */
  async admin(): Promise<AdminClient> {
    const local = this.globals.server === undefined ? this.runFile()?.adminSocket : undefined;
    const socket = local ?? (await this.api().get<About>('/api/v1/about')).adminSocket;
    if (!existsSync(socket))
      throw new FairleadError('Unreachable', `The admin socket ${socket} is not on this machine, or its controller is not running.`, {
        data: { next: 'run this where the controller runs, or start one with `fairlead up`' },
      });
    return this.parts.connectAdmin(socket);
  }

  /**
   * The data directory of the controller that other verbs would ask: named, the running one upward from here, or as the controller
   * says. When none answers, one upward from here on which nothing runs. Throws Unreachable when there is neither.
   */
  async dataDir(): Promise<string> {
    const named = this.namedDataDir();
    if (named !== null) return named;
    try {
      return (await this.api().get<About>('/api/v1/about')).dataDir;
    } catch (thrown) {
      const local = this.localDataDir();
      if (local === null || !(thrown instanceof FairleadError && thrown.code === 'Unreachable')) throw thrown;
      return local;
    }
  }

  /** --data-dir or FAIRLEAD_DATA_DIR, absolute; null when neither is given. */
  namedDataDir(): string | null {
    const named = this.globals.dataDir ?? this.terminal.env['FAIRLEAD_DATA_DIR'];
    return named === undefined ? null : resolve(this.terminal.cwd, named);
  }

  /** The named data directory, or the nearest `.fairlead` upward from here; null when there is none. */
  localDataDir(): string | null {
    const named = this.namedDataDir();
    if (named !== null) return named;
    for (let folder = this.terminal.cwd; ; folder = dirname(folder)) {
      const candidate = join(folder, '.fairlead');
      if (existsSync(candidate)) return candidate;
      if (dirname(folder) === folder) return null;
    }
  }

  private runFile(): RunFile | null {
    const dataDir = this.localDataDir();
    if (dataDir === null) return null;
    try {
      return JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as RunFile;
    } catch {
      return null;
    }
  }
}
