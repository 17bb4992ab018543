/**
 * Cuts a stream of bytes into lines. Each byte is looked at once and copied at most once, however many chunks a line comes
 * in; what is kept never exceeds `maxLineBytes` and one chunk.
 */
const newline = 0x0a;
const carriageReturn = 0x0d;

export class LineSplitter {
  readonly #maxLineBytes: number;
  /** The beginning of a line whose end has not come yet. */
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #tooLong = false;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * Takes in the next bytes and hands out each line that is now whole, without its `\n` or `\r\n`; empty lines are left out.
   * Returns false once a line was too long: from then on nothing is handed out any more.
   */
  push(chunk: Buffer, onLine: (line: Buffer) => void): boolean {
    let start = 0;
    while (!this.#tooLong) {
      const end = chunk.indexOf(newline, start);
      const stop = end < 0 ? chunk.length : end;
      if (this.#partsBytes + stop - start > this.#maxLineBytes) {
        this.#tooLong = true;
        this.#parts = [];
        break;
      }
      if (end < 0) {
        if (stop > start) this.#parts.push(chunk.subarray(start));
        this.#partsBytes += stop - start;
        break;
      }
      const line = this.#take(chunk.subarray(start, end));
      start = end + 1;
      if (line.length > 0) onLine(line);
    }
    return !this.#tooLong;
  }

  /** Bytes of the line that is still open. */
  get pendingBytes(): number {
    return this.#partsBytes;
  }

  #take(last: Buffer): Buffer {
    const whole = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#partsBytes = 0;
    return whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole;
  }
}
