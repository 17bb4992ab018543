/** What the supervisor hands to the controller and the host: plain JSON, complete, every default filled in. */
import type { MaxDeletions } from '../manifest/prune.ts';

export interface Listener {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

export interface ProcessSettings {
  /** The manifests folder; absolute. */
  readonly root: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly gateway: Listener;
  readonly status: Listener;
  /** What the prune guard lets go at once; its own default when left out. */
  readonly maxDeletions?: MaxDeletions;
}
