/**
 * A Revision: the immutable run spec of a Service, named by its content hash.
 * Only what running depends on is in it. Replicas, health checks, limits the host alone enforces, labels and
 * migration steps are not: they apply without a rollout.
 */

export type Transport = 'stdio' | 'http' | 'sse';

/** A process on this machine. `${instance.id|port|dir}` in args, env and cwd are filled in at start. */
export interface ProcessRun {
  readonly runtime: 'process';
  readonly transport: Transport;
  /** argv, never a shell line: executable first. */
  readonly command: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** http and sse: 'auto' lets the host pick a free port; a number is fixed, so two Instances cannot live side by side. */
  readonly port: 'auto' | number | null;
  /** http and sse: the path of the MCP endpoint, `/mcp` unless told otherwise. */
  readonly path: string;
  /** One process for all client sessions, or one for each. */
  readonly isolation: 'shared' | 'session';
  readonly sandbox: 'basic' | 'none';
  /** True when two Instances must never live side by side (declared, or a fixed port). */
  readonly exclusive: boolean;
  readonly maxMessageBytes: number;
}

/** An MCP endpoint that somebody else runs. */
export interface RemoteRun {
  readonly runtime: 'remote';
  readonly transport: 'http' | 'sse';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Private, loopback and link-local addresses are refused unless true. */
  readonly allowPrivate: boolean;
  readonly exclusive: false;
  readonly maxMessageBytes: number;
}

export type RunSpec = ProcessRun | RemoteRun;

export interface Revision {
  /** `<service>-<first 8 hex digits of hash>`. Keeps its name when its Service is renamed. */
  readonly name: string;
  /** SHA-256 of the run spec's canonical JSON, 64 hex digits: identity. Compare hashes, never names. */
  readonly hash: string;
  readonly run: RunSpec;
}
