/** What an Upstream is told when it is made. */
import type { RunningInstance } from '../ports/runtime.ts';

export interface UpstreamOptions {
  readonly instanceId: string;
  /** The largest message that is taken from the service; a larger one fails its call with MessageTooLarge. */
  readonly maxMessageBytes: number;
  /** `isolation: session`: one more process of the same Revision for one client session. */
  readonly spawnForSession?: NonNullable<RunningInstance['spawnForSession']>;
  /** Longest wait for the handshake of a client's own session, in ms. 30,000 unless told otherwise. */
  readonly sessionTimeoutMs?: number;
  /** Lines in a row that are not MCP before the connection is given up with ProtocolViolation. 100 unless told otherwise. */
  readonly maxViolationsInARow?: number;
}

export const defaultSessionTimeoutMs = 30_000;
export const defaultMaxViolationsInARow = 100;
