/** What the supervisor hands to the controller and the host: plain JSON, complete, every default filled in. */
import type { MaxDeletions } from '../manifest/prune.ts';
import type { SourceSettings, WebhookSettings } from '../model/source-settings.ts';

export interface Listener {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

export interface ProcessSettings {
  /** At least one, each with a name of its own. */
  readonly sources: readonly SourceSettings[];
  /** Absolute. */
  readonly dataDir: string;
  readonly gateway: Listener;
  readonly status: Listener;
  /** What the prune guard lets go at once; its own default when left out. */
  readonly maxDeletions?: MaxDeletions;
  /** Where forges tell of pushes; off when left out. */
  readonly webhooks?: WebhookSettings;
}
