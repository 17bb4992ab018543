/** What happened in a run, line by line: hashed always, kept only when asked for. Equal runs have equal hashes. */
export class Trace {
  readonly lines: string[] | null;
  private state = 0x811c9dc5;

  constructor(keep: boolean) {
    this.lines = keep ? [] : null;
  }

  /** One line: when (virtual ms), who, what. */
  note(at: number, who: string, what: string): void {
    this.mix(at);
    for (let index = 0; index < what.length; index++) this.state = Math.imul(this.state ^ what.charCodeAt(index), 0x01000193);
    this.lines?.push(`${(at / 1000).toFixed(3).padStart(10)}  ${who.padEnd(10)} ${what}`);
  }

  private mix(value: number): void {
    this.state = Math.imul(this.state ^ (value & 0xffff), 0x01000193);
    this.state = Math.imul(this.state ^ ((value / 0x10000) & 0xffff), 0x01000193);
  }

  /** FNV-1a of all lines, 8 hex digits. */
  get hash(): string {
    return (this.state >>> 0).toString(16).padStart(8, '0');
  }
}
