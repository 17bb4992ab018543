/**
 * A process that the supervisor started, and what the two say to each other. The child waits to be told its settings,
 * says when it is ready or why it cannot be, and ends when it is told to, on SIGTERM, or when its supervisor is gone:
 * nothing outlives the supervisor. SIGINT is the supervisor's business: the terminal sends it to all of us at once.
 */
import { errorCodes, type ErrorCodeName } from '../base/error-codes.ts';
import { FairleadError, messageOf } from '../base/error.ts';
import type { ProcessSettings } from './settings.ts';

export type ToChild =
  | { readonly kind: 'start'; readonly settings: ProcessSettings }
  /** hurry: don't wait for calls that are under way. */
  | { readonly kind: 'stop'; readonly hurry: boolean }
  /** To the controller: facts that only the supervisor has. */
  | { readonly kind: 'facts'; readonly facts: RunFacts };

export type FromChild =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'failed'; readonly code: ErrorCodeName; readonly message: string; readonly data: Readonly<Record<string, unknown>> }
  /** An operator asked over the admin socket that everything stops. */
  | { readonly kind: 'stop-everything' };

/** What run.json says. */
export interface RunFacts {
  readonly supervisorPid: number;
  readonly controllerPid: number | null;
  readonly hostPid: number | null;
  readonly gatewayUrl: string | null;
  readonly statusUrl: string | null;
  readonly adminSocket: string;
  readonly startedAt: number;
}

export interface Running {
  /** Where it serves. */
  readonly url: string;
  /** Resolves when nothing is left to do. Called again with `hurry` when somebody gets impatient. */
  stop(hurry: boolean): Promise<void>;
  facts?(facts: RunFacts): void;
}

export interface Parent {
  /** Asks the supervisor to stop everything. */
  stopEverything(): void;
  /** Ends this process at once with a failure; the supervisor starts another. */
  die(error: unknown): never;
}

/** A process without a supervisor that cannot stop in this time ends anyway. */
const longestOrphanMs = 15_000;

/** Runs this process as a child of the supervisor; `start` makes whatever it is. */
export function runChild(start: (settings: ProcessSettings, parent: Parent) => Promise<Running>): void {
  let running: Promise<Running> | null = null;
  let latestFacts: RunFacts | null = null;
  const send = (message: FromChild): void => {
    if (process.connected) process.send?.(message);
  };
  const parent: Parent = {
    stopEverything: () => send({ kind: 'stop-everything' }),
    die: (error) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  };
  const begin = async (settings: ProcessSettings): Promise<void> => {
    try {
      running = start(settings, parent);
      const child = await running;
      if (latestFacts !== null) child.facts?.(latestFacts);
      send({ kind: 'ready', url: child.url });
    } catch (thrown) {
      const code = thrown instanceof FairleadError ? thrown.code : 'Internal';
      const data = thrown instanceof FairleadError ? thrown.data : {};
      if (code === 'Internal') process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
      const exit = (): never => process.exit(errorCodes[code].exit);
      if (process.connected) process.send?.({ kind: 'failed', code, message: messageOf(thrown), data } satisfies FromChild, exit);
      else exit();
    }
  };
  const stop = async (hurry: boolean): Promise<void> => {
    try {
      await (await running)?.stop(hurry);
      process.exit(0);
    } catch (thrown) {
      parent.die(thrown);
    }
  };
  process.on('message', (message: ToChild) => {
    if (message.kind === 'start') void begin(message.settings);
    else if (message.kind === 'stop') void stop(message.hurry);
    else {
      latestFacts = message.facts;
      void running?.then((child) => child.facts?.(message.facts)).catch(() => {});
    }
  });
  process.on('disconnect', () => {
    setTimeout(() => process.exit(1), longestOrphanMs).unref();
    void stop(true);
  });
  process.on('SIGTERM', () => void stop(false));
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
}
