/** A Command: what an operator asked for over the admin socket. Stored before it is acted upon; the heart takes each once, in order of id. */
export const commandKinds = [
  /** The Service: manifests are not taken in; and are again. */
  'suspend',
  'resume',
  /** The Rollout under way: it stands still; and goes on. */
  'pause-rollout',
  'resume-rollout',
  /** The Rollout goes past what it waits for now (a pause, an analysis, a person); or past all its steps. Readiness is never skipped. */
  'promote',
  'promote-full',
  /** The Rollout is taken back; a Revision that was taken back is tried again. */
  'abort',
  'retry',
] as const;
export type CommandKind = (typeof commandKinds)[number];

export interface Command {
  readonly id: number;
  readonly service: string;
  readonly kind: CommandKind;
  readonly uid: number;
  readonly at: number;
}
