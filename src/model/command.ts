/** A Command: what an operator asked for over the admin socket. Stored before it is acted upon; the heart takes each once, in order of id. */
export type CommandKind = 'abort' | 'retry' | 'suspend' | 'resume';

export interface Command {
  readonly id: number;
  readonly service: string;
  readonly kind: CommandKind;
  readonly uid: number;
  readonly at: number;
}
