/** Events: what happened. Append-only; the store numbers them. Reasons are CamelCase, past tense. */
export interface EventDraft {
  readonly service: string | null;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly at: number;
  readonly revision: string | null;
  readonly snapshot: string | null;
  /** Who caused it: the controller itself, or the user id of a caller of the admin socket. */
  readonly actor: 'controller' | `uid:${number}`;
}
export interface Event extends EventDraft {
  readonly seq: number;
}
