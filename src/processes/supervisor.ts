/**
 * The tiny parent: starts the controller and the host, starts either again when it ends, and ends with both. It reads no
 * manifest, decides nothing and serves nothing; what it knows of the two is their pids and where they serve.
 */
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { dataDirOf, type DataDir } from '../base/data-dir.ts';
import { FairleadError, messageOf } from '../base/error.ts';
import { reapOrphans } from '../runtimes/orphans.ts';
import { holdDataDir } from '../stores/data-dir-lock.ts';
import type { Supervision, SupervisorEvent } from '../cli/context.ts';
import type { RunFacts } from './child.ts';
import { claim, remove, write } from './run-file.ts';
import type { Listener, ProcessSettings } from './settings.ts';
import { Supervised } from './supervised.ts';

/** The controller stores and lets go; it drains nothing. */
const controllerGraceMs = 10_000;
/** The host drains by its services' own limits; this is for one that hangs. */
const hostGraceMs = 180_000;
const hurryGraceMs = 10_000;

/** The file that each process runs. */
export interface Entries {
  readonly controller: string;
  readonly host: string;
}

/**
 * Starts everything on a data directory. Rejects with StoreLocked when something runs there already; `ended` of what it
 * resolves with rejects when the controller or the host could not come up the first time.
 */
export async function supervise(
  settings: ProcessSettings,
  onEvent: (event: SupervisorEvent) => void,
  entries: Entries = { controller: entryOf('controller'), host: entryOf('host') },
): Promise<Supervision> {
  const dataDir = dataDirOf(settings.dataDir);
  makeDataDir(dataDir);
  await claim(dataDir);
  // Of two that found it free one gets it; from here on nothing of anybody else's is touched.
  const letGo = holdDataDir(dataDir.root);
  try {
    await reapOrphans(dataDir.root);
    return new Supervisor({ settings, dataDir, letGo, onEvent, entries });
  } catch (thrown) {
    letGo();
    throw thrown;
  }
}

function makeDataDir({ root }: DataDir): void {
  try {
    const made = mkdirSync(root, { recursive: true, mode: 0o700 }) !== undefined;
    // It lies among the manifests unless told otherwise, and none of it is to be committed with them.
    if (made) writeFileSync(join(root, '.gitignore'), '*\n');
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new FairleadError('Usage', `The data directory ${root} cannot be used (${messageOf(cause)}).`, {
      cause,
      data: { next: 'name a folder that can be written to with --data-dir' },
    });
  }
}

interface SupervisorParts {
  readonly settings: ProcessSettings;
  readonly dataDir: DataDir;
  /** Gives the data directory up. */
  readonly letGo: () => void;
  readonly onEvent: (event: SupervisorEvent) => void;
  readonly entries: Entries;
}

class Supervisor implements Supervision {
  readonly #dataDir: DataDir;
  readonly #letGo: () => void;
  readonly #onEvent: (event: SupervisorEvent) => void;
  readonly #controller: Supervised;
  readonly #host: Supervised;
  readonly #ended = Promise.withResolvers<number>();
  #settings: ProcessSettings;
  #facts: RunFacts;
  #announced = false;
  #stopping: Promise<void> | null = null;

  constructor({ settings, dataDir, letGo, onEvent, entries }: SupervisorParts) {
    this.#settings = settings;
    this.#dataDir = dataDir;
    this.#letGo = letGo;
    this.#onEvent = onEvent;
    this.#facts = {
      supervisorPid: process.pid,
      controllerPid: null,
      hostPid: null,
      gatewayUrl: null,
      statusUrl: null,
      adminSocket: dataDir.adminSocket,
      startedAt: Date.now(),
    };
    this.#host = this.#supervised('host', entries.host);
    this.#controller = this.#supervised('controller', entries.controller);
    this.#host.start();
    this.#controller.start();
  }

  get ended(): Promise<number> {
    return this.#ended.promise;
  }

  async stop(): Promise<void> {
    if (this.#stopping === null) {
      this.#stopping = this.#stop();
      await this.#stopping;
      this.#ended.resolve(0);
    } else {
      await Promise.all([this.#controller.stop(0, true), this.#host.stop(hurryGraceMs, true)]);
      await this.#stopping;
    }
  }

  async #giveUp(error: FairleadError): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
    this.#ended.reject(error);
  }

  /** The controller first: it must not take the host's farewell for trouble. */
  async #stop(): Promise<void> {
    this.#host.retire();
    await this.#controller.stop(controllerGraceMs, false);
    await this.#host.stop(hostGraceMs, false);
    await this.#tryTo('end what was left running', async () => reapOrphans(this.#dataDir.root));
    await this.#tryTo('remove run.json', async () => remove(this.#dataDir));
    this.#letGo();
  }

  #supervised(name: 'controller' | 'host', entry: string): Supervised {
    const logFile = join(this.#dataDir.logs, `fairlead-${name}.log`);
    return new Supervised(entry, logFile, () => this.#settings, {
      started: (pid) => {
        this.#update(name === 'host' ? { hostPid: pid } : { controllerPid: pid });
        this.#onEvent({ kind: 'started', process: name, pid });
      },
      ready: (url) => this.#ready(name, url),
      exited: async (reason, restartInMs) => {
        this.#update(name === 'host' ? { hostPid: null } : { controllerPid: null });
        this.#onEvent({ kind: 'exited', process: name, reason, restartInMs });
        if (name === 'host') await this.#tryTo('end what the host left running', async () => reapOrphans(this.#dataDir.root));
      },
      failed: (error) => void this.#giveUp(error),
      stopEverything: () => void this.stop(),
    });
  }

  #ready(name: 'controller' | 'host', url: string): void {
    if (name === 'host') {
      // A port that the system chose is kept: clients know it by now.
      this.#settings = { ...this.#settings, gateway: at(this.#settings.gateway, url) };
      this.#update({ gatewayUrl: url });
    } else {
      this.#settings = { ...this.#settings, status: at(this.#settings.status, url) };
      this.#update({ statusUrl: url });
    }
    const { gatewayUrl, statusUrl } = this.#facts;
    if (this.#announced || gatewayUrl === null || statusUrl === null) return;
    this.#announced = true;
    this.#onEvent({ kind: 'ready', gatewayUrl, statusUrl });
  }

  #update(facts: Partial<RunFacts>): void {
    this.#facts = { ...this.#facts, ...facts };
    void this.#tryTo('write run.json', async () => write(this.#dataDir, this.#facts));
    this.#controller.send({ kind: 'facts', facts: this.#facts });
  }

  /** Whatever fails here (a full disk) must not end the supervisor: it would take everything with it. */
  async #tryTo(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      process.emitWarning(`Could not ${what}: ${messageOf(thrown)}`);
    }
  }
}

function at(listener: Listener, url: string): Listener {
  return { host: listener.host, port: Number(new URL(url).port) };
}

/** The file of a process beside this one: TypeScript from source, JavaScript in the bundle. */
function entryOf(name: 'controller' | 'host'): string {
  const self = import.meta.filename;
  return join(dirname(self), basename(self).replace(/^.*(\.[a-z]+)$/, `${name}$1`));
}
