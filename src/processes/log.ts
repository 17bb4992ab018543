/**
 * The log of a process: lines of JSON on standard error, which the supervisor made a file. A line that cannot be written
 * (the disk is full) is lost: pino's own destination would wait for room, and what waits here serves nobody.
 */
import { writeSync } from 'node:fs';
import { pino, type Logger } from 'pino';

export function openLog(process: 'controller' | 'host', pid: number): Logger {
  return pino({ base: { process, pid } }, { write: writeOrLose });
}

function writeOrLose(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // There is nowhere left to say so.
  }
}
