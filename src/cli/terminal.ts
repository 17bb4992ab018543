/** The terminal as the verbs see it: where text goes, whether pictures are wanted, what surrounds the process. Tests give their own. */
import type { Paint } from './view/paint.ts';
import { inColour, plain } from './view/paint.ts';
import type { Screen } from './view/screen.ts';

export interface Terminal {
  /** To stdout, as it is. */
  out(text: string): void;
  /** To stderr, as it is. */
  err(text: string): void;
  /** Colours for stdout; does nothing in a pipe or with NO_COLOR. */
  readonly paint: Paint;
  readonly errPaint: Paint;
  /** Whether stdout is a terminal: pictures may be redrawn in place. */
  readonly interactive: boolean;
  /** Its width and height now. */
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Ends following verbs (-w, -f, --wait) from outside. */
  readonly signal: AbortSignal;
  now(): number;
  readInput(): Promise<string>;
  /** Ctrl-C or SIGTERM arrives here instead of ending the process; returns how to give it back. */
  onInterrupt(callback: (signal: string) => void): () => void;
}

/** stdout as views know it. */
export function screenOf({ paint, interactive, columns }: Terminal): Screen {
  return { paint, columns: interactive ? columns : null };
}

/** Colours on a terminal that can show them, unless NO_COLOR says anything; FORCE_COLOR has the last word. */
export function paintFor(isTerminal: boolean, env: Terminal['env']): Paint {
  const forced = env['FORCE_COLOR'];
  const coloured = forced === undefined ? isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' : forced !== '0';
  return coloured ? inColour : plain;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  let endsInOrder = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // What runs for others (`fairlead up | tee log`) goes on unread and without room for its words.
    if (endsInOrder) return;
    // A reader that went away (`fairlead get | head`) is no error.
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`error: Standard output cannot be written to (${error.code ?? error.message}).\n`);
    process.exit(1);
  });
  // There is nowhere left to say so.
  process.stderr.on('error', () => {});
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    paint: paintFor(process.stdout.isTTY, process.env),
    errPaint: paintFor(process.stderr.isTTY, process.env),
    interactive: process.stdout.isTTY && process.env['TERM'] !== 'dumb',
    // A terminal that does not know its size says 0.
    get columns() {
      return process.stdout.columns || 120;
    },
    get rows() {
      return process.stdout.rows || 40;
    },
    env: process.env,
    cwd: process.cwd(),
    signal: new AbortController().signal,
    now: () => Date.now(),
    readInput: async () => {
      let text = '';
      process.stdin.setEncoding('utf8');
      for await (const chunk of process.stdin) text += String(chunk);
      return text;
    },
    onInterrupt: (callback) => {
      endsInOrder = true;
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) process.on(signal, callback);
      return () => signals.forEach((signal) => process.off(signal, callback));
    },
  };
}
