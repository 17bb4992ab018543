/** Desired: all the heart is told of what a Service should be. Assembled by the controller from the compiled Snapshot, the store and other Records. */
import type { Command } from './command.ts';
import type { Issue } from './issue.ts';
import type { Service } from './service.ts';

export type Declaration =
  /** Declared and valid. */
  | { readonly kind: 'declared'; readonly service: Service }
  /** Declared, but the manifest does not compile: the last valid Service goes on. */
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[]; readonly snapshot: string }
  /** No longer declared: to be stopped and archived. */
  | { readonly kind: 'absent' }
  /** Nothing to be believed about it (source unreadable, prune held, not read yet): the last known goes on. */
  | { readonly kind: 'unknown'; readonly reason: string };

export interface DependencyFact {
  readonly declared: boolean;
  readonly ready: boolean;
}

export interface Desired {
  readonly service: string;
  readonly declaration: Declaration;
  /** One entry for each service named in dependsOn. */
  readonly dependencies: Readonly<Record<string, DependencyFact>>;
  /** Commands not yet taken, in order of id. */
  readonly commands: readonly Command[];
}
