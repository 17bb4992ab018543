/** A way to run Instances. A Runtime starts and stops; it does not speak MCP and decides nothing. */
import type { Revision } from '../model/revision.ts';
import type { InstanceEnd } from '../model/observation.ts';

/** How to reach a running Instance. */
export type Endpoint = { readonly kind: 'stdio'; readonly channel: LineChannel } | HttpEndpoint;

export interface HttpEndpoint {
  readonly kind: 'http' | 'sse';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Connect to this IP address whatever the name in `url` resolves to by now; TLS and Host keep the name. */
  readonly address?: string;
}

/** Newline-delimited messages to and from one process. */
export interface LineChannel {
  /** Writes one message and its newline. False: the pipe is full, wait for `onDrain`. Throws nothing when the process is gone. */
  write(line: string | Uint8Array): boolean;
  onDrain(callback: () => void): void;
  /** Each line without its newline, in order; one listener. Lines over maxMessageBytes end the Instance with MessageTooLarge. */
  onLine(callback: (line: Buffer) => void): void;
  onClose(callback: () => void): void;
}

export interface StartRequest {
  readonly instanceId: string;
  readonly service: string;
  readonly revision: Revision;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** Aborted: the start is no longer wanted; `start` rejects once nothing of it is left. */
  readonly signal?: AbortSignal;
}

export interface RunningInstance {
  readonly pid: number | null;
  readonly port: number | null;
  readonly endpoint: Endpoint;
  /** For `isolation: session`: one more process of the same Revision for one client session. Absent where the endpoint can serve any number. */
  readonly spawnForSession?: (sessionId: string) => Promise<RunningInstance>;
  /** Resolves when it is over, however that came; never rejects. */
  readonly ended: Promise<InstanceEnd>;
  /** The last lines of stderr, redacted. */
  stderrTail(): string;
  /**
   * stdin close → SIGTERM → SIGKILL of the whole tree, `timeoutMs` in all (that of the StartRequest unless told otherwise);
   * resolves when nothing of it is left. Idempotent; called again with less time it hurries.
   */
  stop(timeoutMs?: number): Promise<void>;
}

export interface Runtime {
  readonly name: 'process' | 'remote';
  /**
   * Resolves once there is something to shake hands with (for http: the port accepts). Throws FairleadError
   * CommandNotFound, SandboxUnavailable, StartFailed, PortTaken, ExitedEarly, HandshakeTimeout (the port never accepted),
   * ConnectFailed, AddressRefused or Cancelled; where there was a process, with `stderrTail`, `exitCode` and `signal` in `data`.
   */
  start(request: StartRequest): Promise<RunningInstance>;
}
