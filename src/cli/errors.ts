/** What went wrong, where, and what to do next: the one way that errors reach a person. Exit codes come from the error registry. */
import { FairleadError, messageOf } from '../base/error.ts';
import { errorCodes, type ErrorCodeName } from '../base/error-codes.ts';
import type { Issue } from '../model/issue.ts';
import type { Terminal } from './terminal.ts';
import type { Paint } from './view/paint.ts';
import { oneLine } from './view/table.ts';

/** What the registry says of these is no advice: where nothing better is known, the message says all. */
const withoutAdvice: ReadonlySet<ErrorCodeName> = new Set(['Refused', 'NotFound']);

export function exitCodeOf(thrown: unknown): number {
  return thrown instanceof FairleadError ? errorCodes[thrown.code].exit : 1;
}

/** Text for stderr, several lines. `data.next` overrides the registry's advice where something better is known. */
export function explainError(thrown: unknown, paint: Paint, verbose = false): string {
  const lines: string[] = [];
  if (thrown instanceof FairleadError) {
    lines.push(`${paint.bad('error:')} ${shown(thrown.message)} ${paint.dim(`(${thrown.code})`)}`);
    for (const issue of (thrown.data['issues'] as readonly Issue[] | undefined) ?? [])
      lines.push(
        `  ${oneLine(issue.file)}:${issue.line}:${issue.column} ${oneLine(issue.message)} (${issue.code})`,
        ...(issue.expected === undefined ? [] : [`    expected: ${oneLine(issue.expected)}`]),
      );
    const next = thrown.data['next'] ?? (withoutAdvice.has(thrown.code) ? '' : errorCodes[thrown.code].help);
    if (typeof next === 'string' && next !== '') lines.push(`  ${paint.bold('next:')} ${shown(next)}`);
  } else {
    lines.push(
      `${paint.bad('error:')} ${shown(messageOf(thrown))} ${paint.dim('(Internal)')}`,
      `  ${paint.bold('next:')} ${errorCodes.Internal.help}`,
    );
  }
  if (verbose && thrown instanceof Error && thrown.stack !== undefined) lines.push(thrown.stack);
  return `${lines.join('\n')}\n`;
}

/** Words that may be a server's or a repository's: their lines, without anything that moves a cursor or hides what they say. */
function shown(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]|\p{Cf}/gu, '\u{fffd}');
}

/** Says on stderr what went wrong. */
export function tellError(terminal: Terminal, thrown: unknown): void {
  terminal.err(explainError(thrown, terminal.errPaint, (terminal.env['FAIRLEAD_DEBUG'] ?? '') !== ''));
}

/** A mistake on the command line: exit code 2. */
export function usage(message: string, next = 'see --help'): FairleadError {
  return new FairleadError('Usage', message, { data: { next } });
}
