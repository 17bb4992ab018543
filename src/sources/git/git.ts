/**
 * Running git: one command with its time, its environment and its output, by simple-git. A command that ends with another
 * exit code than 0 rejects with GitFailed, whatever it wrote; one that takes too long, or writes too much, is ended.
 */
import debug from 'debug';
import { simpleGit, type SimpleGit } from 'simple-git';
import type { Clock } from '../../ports/clock.ts';

// Whoever sets DEBUG would be shown the environment of every command, with the secrets in it.
debug.enable([process.env['DEBUG'], '-simple-git*'].filter(Boolean).join(','));

/** Most words of failure and progress that a command may write: also what a server says goes there. */
const maxWordBytes = 1024 * 1024;

/** Most memory that git may take while it speaks with a server: it keeps all refs that one lists, however many those are. */
const maxRemoteMemoryBytes = 2 * 1024 * 1024 * 1024;

/** Why a command was ended from outside. */
type Ending = 'time' | 'size' | 'asked';

export interface GitCommand {
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly input?: string;
  /** Most that it may write, in bytes; no limit where it reads what has been measured before. */
  readonly maxOutputBytes?: number;
  /** Most memory that it may take where it speaks with a server, in bytes; 2 GiB unless told otherwise. */
  readonly maxMemoryBytes?: number;
  /** Ends it early; the reason becomes the failure's. */
  readonly signal?: AbortSignal;
}

/** git said no. `words` is its stderr as it is: nothing to show before it has been through `explainFailure`. */
export class GitFailed extends Error {
  readonly exitCode: number | null;
  readonly words: string;
  /** Why it was ended from outside, if it was. */
  readonly ended: Ending | null;

  constructor(command: string, exitCode: number | null, words: string, ended: Ending | null = null) {
    super(`git ${command} failed`);
    this.name = 'GitFailed';
    this.exitCode = exitCode;
    this.words = words;
    this.ended = ended;
  }
}

export class Git {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  /** `folder`: where it runs; it must exist. `signal` ends all that is under way. */
  constructor(folder: string, clock: Clock, signal: AbortSignal) {
    this.#folder = folder;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** What it wrote, as text. */
  text(args: readonly string[], command: GitCommand): Promise<string> {
    return this.#run(args, command, (git) => git.raw([...args]));
  }

  /** The same, of a command that speaks with a server: within a bound of memory that the system keeps (prlimit of util-linux). */
  exchange(args: readonly string[], command: GitCommand): Promise<string> {
    const bounded = [`--data=${command.maxMemoryBytes ?? maxRemoteMemoryBytes}`, 'git', ...args];
    return this.#run(args, command, (git) => git.customBinary('prlimit').raw(bounded));
  }

  /** What `cat-file` wrote, byte for byte. */
  catFile(args: readonly string[], command: GitCommand): Promise<Buffer> {
    return this.#run(['cat-file', ...args], command, (git) => git.binaryCatFile([...args]) as Promise<Buffer>);
  }

  async #run<T>(args: readonly string[], command: GitCommand, ask: (git: SimpleGit) => PromiseLike<T>): Promise<T> {
    const name = args[0] ?? '';
    const ending = new AbortController();
    let failure: GitFailed | null = null;
    const end = (why: Ending): void => {
      failure ??= new GitFailed(name, null, '', why);
      ending.abort(failure);
    };
    const asked = (): void => end('asked');
    const callOff = this.#clock.after(command.timeoutMs, () => end('time'));
    // Whoever ends it does not wait for a helper of git's that still holds its output.
    const stopped = new Promise<never>((_, reject) => {
      ending.signal.addEventListener('abort', () => reject(ending.signal.reason as GitFailed));
    });
    const signal = command.signal === undefined ? this.#signal : AbortSignal.any([this.#signal, command.signal]);
    signal.addEventListener('abort', asked);
    try {
      if (signal.aborted) asked();
      const git = this.#prepared(command, ending.signal, (exitCode, words) => (failure = new GitFailed(name, exitCode, words)));
      const tooMuch = (): void => end('size');
      git.outputHandler((_name, stdout, stderr) => {
        watchLength(stdout, command.maxOutputBytes ?? Number.POSITIVE_INFINITY, tooMuch);
        watchLength(stderr, maxWordBytes, tooMuch);
      });
      return await Promise.race([stopped, ask(git)]);
    } catch (thrown) {
      // simple-git passes on no more than the words of an error.
      throw failure ?? thrown;
    } finally {
      callOff();
      signal.removeEventListener('abort', asked);
    }
  }

  #prepared({ env, input }: GitCommand, abort: AbortSignal, failed: (exitCode: number, words: string) => Error): SimpleGit {
    return simpleGit({
      baseDir: this.#folder,
      abort,
      // It has ended when all that it wrote has been read.
      completion: { onClose: true, onExit: false },
      // By itself simple-git takes a failure without words for a success.
      errors: (error, { exitCode, stdErr }) => (exitCode === 0 ? error : failed(exitCode, Buffer.concat(stdErr).toString())),
      // These guard against what others put into the environment; this one is built from empty by us.
      unsafe: {
        allowUnsafeConfigEnvCount: true,
        allowUnsafeConfigPaths: true,
        allowUnsafeSshCommand: true,
        allowUnsafeHooksPath: true,
        allowUnsafeAskPass: true,
      },
      allowEnvironment: Object.keys(env),
      ...(input === undefined ? {} : { input: () => input }),
    }).env({ ...env });
  }
}

function watchLength(stream: NodeJS.ReadableStream, most: number, tooMuch: () => void): void {
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > most) tooMuch();
  });
}
