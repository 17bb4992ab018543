/** Conditions: what is true now. Positive polarity (True is good) except `Drifted` and `Stalled`. */

export const conditionTypes = {
  Ready: 'True: a stable Revision serves with every Instance it should have.',
  Progressing: 'True: a deployment, rollout or stop is under way and has not passed its deadline.',
  Synced: 'True: what runs is what the source says. False/Rejected: the declared Revision was tried and taken back.',
  Valid: 'True: the manifest compiles. False: the last valid one goes on; the message has the first issue.',
  Healthy: 'True: the checks of every Instance pass. Unknown: nothing has been checked yet.',
  DependenciesReady: 'True: everything in spec.dependsOn is Ready.',
  Drifted:
    'True (bad): what the host runs or routes differs from the plan, what is offered from the contract that was promoted, or files on disk from the commit; no commit said so.',
  Stalled: 'True (bad): nothing more will happen by itself until somebody changes something.',
} as const;

export type ConditionType = keyof typeof conditionTypes;

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase, stable, for machines. */
  readonly reason: string;
  /** For a person: what is so, and what happens next or what to do. */
  readonly message: string;
  /** The Record's generation that this was said of. */
  readonly observedGeneration: number;
  readonly lastTransitionAt: number;
}
